"""What is sent of one image: the report, and before it the overlay where there is one."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.overlay import draw_overlay
from edgefrac.imaging.preprocess import Placement
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.regions import Region
from edgefrac.serve.answer import Answer
from edgefrac.serve.dicom.envelope import Envelope
from edgefrac.serve.dicom.origin import ModelIdentity, Origin
from edgefrac.serve.dicom.secondary_capture import secondary_capture
from edgefrac.serve.dicom.structured_report import structured_report
from edgefrac.serve.worklist import Item

UNREADABLE = "it could not be read"


def outgoing(item: Item, envelope: Envelope, folder: Path) -> list[bytes]:
    """The DICOM files about an image that is done; ``folder`` holds its numbers. Raises ``OSError`` without them.

    The same item, envelope and numbers give the same bytes.
    """
    assert item.finished is not None
    model = ModelIdentity.of(item.answer) if item.answer else None
    origin = Origin(item.key.hex(), model, datetime.fromtimestamp(int(item.finished), UTC))
    if not item.answer:
        return [structured_report(envelope, UNREADABLE, origin)]
    report = structured_report(envelope, item.answer, origin)
    if not item.answer.scale:
        return [report]
    values, evidence = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("values", "evidence"))
    return [secondary_capture(envelope, overlay(item.answer, values, evidence), origin), report]


def make_ready() -> None:
    """Load what ``outgoing`` needs at first use, which takes a third of a second."""
    for module in ("highdicom.sr", "pydicom.sr.codedict"):
        import_module(module)


def overlay(answer: Answer, values: NDArray[np.uint8], evidence: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The answer drawn over the image's ``values`` [H, W] with its ``evidence`` [h, w]: uint8 [H, W, 3]."""
    assert answer.scale
    radiograph = Radiograph(values, answer.picture.source_format)
    picture = draw_overlay(
        radiograph,
        evidence,
        Placement(radiograph.height, radiograph.width, answer.scale.size),
        probability=answer.probability,
        threshold=answer.threshold,
        label=answer.label,
        bias=answer.scale.bias,
        temperature=answer.scale.temperature,
        regions=[Region(region.box, region.log_odds, region.share) for region in answer.regions],
        caution=answer.foreign or "",
    )
    return np.asarray(picture)
