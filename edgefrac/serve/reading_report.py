"""What the report of one image says, gathered from its answer, its numbers and the served model's certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefrac.reporting.reading_page import Reading, Verdict
from edgefrac.serve import pictures
from edgefrac.serve.answer import Answer
from edgefrac.serve.worklist import Item
from edgefrac.verification.certificate import Certificate

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGER_SIDE = 960


def reading(
    item: Item, raster: NDArray[np.uint8], evidence: NDArray[np.float32] | None, certificate: Certificate | None
) -> Reading:
    """The reading of an image that has its answer; ``raster`` [H, W], ``evidence`` [h, w] where there is one."""
    answer = item.answer
    assert answer is not None and item.finished is not None
    return Reading(
        label=answer.label,
        positive=answer.positive,
        probability=answer.probability,
        threshold=answer.threshold,
        log_odds=answer.log_odds,
        finding=answer.finding,
        foreign=answer.foreign,
        identifying=answer.identifying,
        regions=[(region.box, region.share, region.log_odds) for region in answer.regions],
        tasks=answer.tasks,
        plain=pictures.png(_reduced(raster)),
        overlay=None if evidence is None else pictures.png(pictures.overlay(answer, raster, evidence)),
        image=_image(answer),
        notes=answer.picture.notes,
        model=f"{answer.model} {answer.model_version}",
        precision=answer.precision,
        model_sha256=answer.model_sha256,
        verdict=_verdict(answer, certificate),
        id=item.id,
        answered=datetime.fromtimestamp(item.finished, UTC),
        milliseconds=answer.milliseconds,
    )


def _reduced(raster: NDArray[np.uint8]) -> Image:
    from PIL import Image as Pillow

    picture = Pillow.fromarray(raster)
    scale = _LONGER_SIDE / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Pillow.Resampling.BICUBIC, reducing_gap=3)


def _image(answer: Answer) -> str:
    """Such as "DICOM, DX, view AP, left, 2500 × 3000 px"."""
    picture = answer.picture
    sides = {"L": "left", "R": "right", "B": "both sides", "U": "unpaired"}
    said = [
        picture.source_format,
        picture.modality,
        f"view {picture.view}" if picture.view else None,
        sides[picture.side] if picture.side else None,
        f"{picture.width} × {picture.height} px",
    ]
    return ", ".join(part for part in said if part)


def _verdict(answer: Answer, certificate: Certificate | None) -> Verdict | None:
    """The gate's verdict on the very file that answered, if the served bundle's certificate speaks of it."""
    if certificate is None:
        return None
    mine = next((one for one in certificate.artefacts if one.sha256 == answer.model_sha256), None)
    if mine is None:
        return None
    return Verdict(
        file=mine.file,
        verdict=mine.verdict.verdict,
        data=certificate.data.name,
        images=certificate.data.n,
        positives=certificate.data.positives,
        flips=len(mine.verdict.flips),
        criteria=[(one.name.replace("_", " "), one.outcome) for one in mine.verdict.criteria],
    )
