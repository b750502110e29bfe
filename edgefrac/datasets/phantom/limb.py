"""What a limb is to the rest: its bones and soft tissue, where it may break, how it is looked at."""

from __future__ import annotations

from dataclasses import dataclass

from edgefrac.datasets.phantom.solids import Bone
from edgefrac.datasets.phantom.tube import Tube, Vector

SHAFT = frozenset({"transverse", "oblique", "spiral", "comminuted", "greenstick", "hairline"})
METAPHYSIS = frozenset({"impacted", "hairline"})
END = frozenset({"avulsion"})


@dataclass(frozen=True)
class Site:
    """A stretch of one of a bone's tubes where it may break, and the types of fracture that occur there."""

    bone: int
    low: float
    high: float
    kinds: frozenset[str]
    tube: int = 0


@dataclass(frozen=True)
class Anatomy:
    """One patient's limb.

    ``views`` are names and turns about the limb (degrees); ``field`` the usual length of an image (mm), about
    ``centre``. A cast may lie around ``span`` of the soft tissue ``cast``. ``wide`` limbs are imaged lying.
    """

    region: str
    part: str
    bones: tuple[Bone, ...]
    soft: tuple[Tube, ...]
    sites: tuple[Site, ...]
    views: tuple[tuple[str, float], ...]
    field: tuple[float, float]
    centre: Vector
    cast: int | None = None
    span: tuple[float, float] = (0.0, 1.0)
    wide: bool = False
