"""Draws a patient's limb: which part of the body, of what stature, density and age."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edgefrac.datasets.phantom.limb import Anatomy
from edgefrac.datasets.phantom.lower import ankle, foot, hip, knee, lower_leg
from edgefrac.datasets.phantom.solids import Bone, Rng, dense, with_growth_plates
from edgefrac.datasets.phantom.tube import Tube
from edgefrac.datasets.phantom.upper import forearm, hand, shoulder

_PARTS: tuple[Callable[[Rng], Anatomy], ...] = (hand, forearm, shoulder, hip, knee, lower_leg, ankle, foot)
_ODDS = (0.24, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.06)  # hands are the most frequent, as in FracAtlas


def draw_part(rng: Rng) -> int:
    """Number of a part of the body, by how often it is imaged."""
    return int(rng.choice(len(_PARTS), p=_ODDS))


def draw_anatomy(rng: Rng, part: int) -> Anatomy:
    """Draw the bones of part ``part``, and its owner's stature, bone density and age."""
    anatomy = _PARTS[part](rng)
    density, stature = rng.uniform(0.75, 1.15), rng.uniform(0.88, 1.06)
    plates = rng.uniform(0.05, 0.09) if rng.random() < 0.25 else None

    def owned(bone: Bone) -> Bone:
        return tuple(_owned(tube, stature, density, plates) for tube in bone)

    soft = tuple(tube.moved((0, 0, 0), stature) for tube in anatomy.soft)
    return replace(anatomy, bones=tuple(owned(bone) for bone in anatomy.bones), soft=soft)


def _owned(tube: Tube, stature: float, density: float, plates: float | None) -> Tube:
    grown = dense(tube.moved((0, 0, 0), stature), density)
    tubular = grown.length > 5 * grown.half_width(0.5) and grown.mu_shell > 0
    return with_growth_plates(grown, plates) if plates and tubular else grown
