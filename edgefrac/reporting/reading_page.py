"""The report of one radiograph, as a page to print: what the model says of it, where, and how far that goes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from edgefrac.contract import NOT_A_MEDICAL_DEVICE
from edgefrac.reporting.numbers import fixed, percent
from edgefrac.reporting.pages import render

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Verdict:
    """What the gate found for the model file that answered; criteria are (name, outcome)."""

    file: str
    verdict: str
    data: str
    images: int
    positives: int
    flips: int
    criteria: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Reading:
    """What is known of one image, none of which is about a patient.

    ``regions`` are (box in pixels of the image, share, log-odds); ``plain`` and ``overlay`` are PNGs; ``finding``,
    ``foreign`` and ``identifying`` as in ``explanation.ExplanationRow``. Without evidence map there is no ``overlay``
    and no ``finding``.
    """

    label: str
    positive: bool
    probability: float
    threshold: float
    log_odds: float | None
    finding: str | None
    foreign: str | None
    identifying: str | None
    regions: Sequence[tuple[Box, float, float]]
    tasks: Mapping[str, Mapping[str, float]]
    plain: bytes
    overlay: bytes | None
    image: str
    notes: Sequence[str]
    model: str
    precision: str
    model_sha256: str
    verdict: Verdict | None
    id: str
    answered: datetime
    milliseconds: float


_FINDINGS = {
    "localised": "The evidence stands out in the framed regions.",
    "diffuse": (
        "No place stands out, so none explains this answer. "
        "Most such answers were wrong where it was measured: do not look for a reason in the map."
    ),
    "nothing": "No place speaks for a fracture.",
}


def reading_page(reading: Reading) -> str:
    """HTML of one file that fetches nothing."""
    relation = "at or above" if reading.probability >= reading.threshold else "below"
    return render(
        "reading.html",
        reading=reading,
        title="No answer: not a radiograph of the kind it knows" if reading.foreign else _title(reading),
        answer=f"probability {fixed(reading.probability, 3)}, {relation} the threshold {fixed(reading.threshold, 3)}",
        log_odds=None if reading.log_odds is None else f"{reading.log_odds:+.2f}".replace("-", "−"),
        finding=_FINDINGS.get(reading.finding or ""),
        regions=[_region(*region) for region in reading.regions],
        plain=_data(reading.plain),
        overlay=_data(reading.overlay) if reading.overlay else None,
        answered=f"{reading.answered:%Y-%m-%d %H:%M:%S} UTC",
        notice=NOT_A_MEDICAL_DEVICE,
    )


def _title(reading: Reading) -> str:
    return reading.label[:1].upper() + reading.label[1:]


def _region(box: Box, share: float, log_odds: float) -> dict[str, str]:
    x, y, width, height = box
    return {
        "share": percent(share, 0),
        "log_odds": f"{log_odds:+.2f}".replace("-", "−"),
        "where": f"x {x:.0f}, y {y:.0f}, {width:.0f} × {height:.0f} px",
    }


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
