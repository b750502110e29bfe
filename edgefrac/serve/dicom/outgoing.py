"""What is sent of one image: the report, and before it the overlay where there is one."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import numpy as np

from edgefrac.serve import numbers
from edgefrac.serve.dicom.envelope import Envelope
from edgefrac.serve.dicom.origin import ModelIdentity, Origin
from edgefrac.serve.dicom.secondary_capture import secondary_capture
from edgefrac.serve.dicom.structured_report import structured_report
from edgefrac.serve.pictures import overlay
from edgefrac.serve.worklist import Item

UNREADABLE = "it could not be read"


def outgoing(item: Item, envelope: Envelope, path: Path) -> list[bytes]:
    """The DICOM files about an image that is done; ``path`` holds its numbers. Raises ``OSError`` without them.

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
    picture = overlay(item.answer, numbers.raster(path), numbers.evidence(path))
    return [secondary_capture(envelope, np.asarray(picture), origin, item.answer.identifying), report]


def make_ready() -> None:
    """Load what ``outgoing`` needs at first use, which takes a third of a second."""
    for module in ("highdicom.sr", "pydicom.sr.codedict"):
        import_module(module)
