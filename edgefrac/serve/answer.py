"""What a reader says of one image: numbers and codes of closed lists, never a name or an identifier."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

NAMELESS = "the image"
"""What errors call an image: its own name may be a patient's."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RegionOfEvidence(_Strict):
    """``box`` is x, y, width, height in pixels of the image; for the others see ``imaging.regions.Region``."""

    box: tuple[float, float, float, float]
    log_odds: float
    share: float


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


class Scale(_Strict):
    """What ``evidence.npy`` is to be drawn with: side of the network's input in pixels, bias and temperature."""

    size: int
    bias: float
    temperature: float


class Answer(_Strict):
    """``finding``, ``regions`` and ``foreign`` as in ``explanation.ExplanationRow``.

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
    tasks: dict[str, dict[str, float]] = {}
    picture: Picture
    model: str
    model_version: str
    model_sha256: str
    precision: str
    milliseconds: float
