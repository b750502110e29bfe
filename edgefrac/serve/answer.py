"""What a reader says of one image: numbers and codes of closed lists, never a name or an identifier."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from edgefrac.imaging.depth import Depth, Unit
from edgefrac.imaging.voi import CT_PRESETS

NAMELESS = "the image"
"""What errors call an image: its own name may be a patient's."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegionOfEvidence(_Strict):
    """``box`` is x, y, width, height in pixels of the image; for the others see ``imaging.regions.Region``."""

    box: tuple[float, float, float, float]
    log_odds: float
    share: float


class DisplayWindow(_Strict):
    """A window in modality units, DICOM's LINEAR; not ``straight`` where it stands for a curve of the file."""

    center: float
    width: float
    straight: bool = True


class Display(_Strict):
    """How the image's ``values`` are to be shown; ``imaging.depth`` says how the numbers go together.

    ``bits`` are those of a value, 8 or 16; there are ``levels`` of them, from 0 on. ``presets`` are windows by name.
    """

    bits: Literal[8, 16]
    levels: int
    first: int
    slope: float
    intercept: float
    window: DisplayWindow
    inverted: bool
    unit: Unit
    presets: dict[str, DisplayWindow] = {}

    @classmethod
    def of(cls, depth: Depth) -> Display:
        """The facts of an image's numbers."""
        presets = CT_PRESETS if depth.unit == "HU" else {}
        return cls(
            bits=8 if len(depth.table) <= 256 else 16,
            levels=len(depth.table),
            first=depth.first,
            slope=depth.slope,
            intercept=depth.intercept,
            window=DisplayWindow(center=depth.curve.center, width=depth.curve.width, straight=depth.curve.straight),
            inverted=depth.inverted,
            unit=depth.unit,
            presets={name: DisplayWindow(center=w.center, width=w.width) for name, w in presets.items()},
        )


class Picture(_Strict):
    """The image itself. ``modality``, ``view`` and ``side`` are DICOM's codes, where the file says them."""

    width: int
    height: int
    source_format: str
    modality: str | None = None
    view: str | None = None
    side: str | None = None
    spacing_mm: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    display: Display


class Scale(_Strict):
    """What the evidence map is to be drawn with: side of the network's input in pixels, bias and temperature."""

    size: int
    bias: float
    temperature: float


class Answer(_Strict):
    """``finding``, ``regions``, ``foreign`` and ``identifying`` as in ``explanation.ExplanationRow``.

    A model without evidence map gives no ``finding``, no ``peak``, no ``regions`` and no ``scale``. ``task`` is the one
    whose answer this is, ``tasks`` holds the probability of each class of the model's further ones. ``milliseconds``
    spans decoding, preprocessing and running.
    """

    task: str = "fracture"
    probability: float
    threshold: float
    positive: bool
    label: str
    log_odds: float | None = None
    finding: Literal["nothing", "localised", "diffuse"] | None = None
    peak: tuple[float, float] | None = None
    regions: tuple[RegionOfEvidence, ...] = ()
    scale: Scale | None = None
    foreign: str | None = None
    identifying: str | None = None
    tasks: dict[str, dict[str, float]] = {}
    picture: Picture
    model: str
    model_version: str
    model_sha256: str
    precision: str
    milliseconds: float
