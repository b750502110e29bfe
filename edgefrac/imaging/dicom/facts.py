"""What a DICOM file says about its picture, as far as the answer is one of the standard's own codes or a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from edgefrac.imaging.burned_in import ANNOTATED, RECOGNISABLE
from edgefrac.imaging.dicom.parse import numbers, value

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

# closed lists, so that free text in the element cannot pass
_MODALITIES = frozenset({"CR", "CT", "DX", "IO", "MG", "MR", "NM", "OT", "PT", "PX", "RF", "RG", "SC", "US", "XA"})
# PS3.3 C.8.1.1.1 (CR) and C.8.11.5.1.1 (DX)
_VIEWS = frozenset({"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO"})
# PS3.3 C.7.6.1.1.1 and C.7.6.16.2.8: right, left, unpaired, both
_SIDES = frozenset({"R", "L", "U", "B"})


def modality(dataset: Dataset) -> str | None:
    """The modality, where it is one that makes pictures."""
    return _code([dataset], ("Modality",), _MODALITIES)


def view(where: list[Dataset]) -> str | None:
    """The view position: AP, PA, LL, RL, or a decubitus or oblique."""
    return _code(where, ("ViewPosition",), _VIEWS)


def side(where: list[Dataset]) -> str | None:
    """R, L, B (both) or U (unpaired)."""
    return _code(where, ("ImageLaterality", "FrameLaterality", "Laterality"), _SIDES)


def identifying(dataset: Dataset) -> list[str]:
    """What the file says of text or a person in its picture; a "NO" says nothing, for files are wrong about it."""
    said = {"BurnedInAnnotation": ANNOTATED, "RecognizableVisualFeatures": RECOGNISABLE}
    return [note for keyword, note in said.items() if _code([dataset], (keyword,), frozenset({"YES"}))]


def spacing(where: list[Dataset]) -> tuple[float, float] | None:
    """Row and column spacing in mm, in the patient if the file says so, else at the detector or of the film scanner."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        found = numbers(where, keyword)
        if len(found) == 2 and min(found) > 0:
            return found[0], found[1]
    return None


@dataclass(frozen=True)
class Place:
    """Where an image lies in its series: ``along_normal`` in mm (PS3.3 C.7.6.2.1.1), ``number`` as it was counted.

    ``series`` tells series apart and identifies a patient: for comparing only, never for a message.
    """

    series: str = field(repr=False)
    along_normal: float | None
    number: int | None


def place(where: list[Dataset]) -> Place:
    """Where the image of ``where`` lies in its series."""
    position, axes = numbers(where, "ImagePositionPatient"), numbers(where, "ImageOrientationPatient")
    along = None
    if len(position) == 3 and len(axes) == 6:
        normal = np.cross(axes[:3], axes[3:])
        along = float(np.dot(normal, position))
    counted = numbers(where, "InstanceNumber")
    return Place(str(value(where, "SeriesInstanceUID") or ""), along, int(counted[0]) if counted else None)


def _code(where: list[Dataset], keywords: tuple[str, ...], allowed: frozenset[str]) -> str | None:
    found = (str(value(where, keyword) or "") for keyword in keywords)
    return next((code for code in found if code in allowed), None)
