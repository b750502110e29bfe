"""One DICOM file: its frames as radiographs, and where it lies in its series."""

from __future__ import annotations

from edgefrac.errors import ImageError
from edgefrac.imaging.dicom import facts
from edgefrac.imaging.dicom.display import monochrome
from edgefrac.imaging.dicom.parse import integer, parse, scopes
from edgefrac.imaging.dicom.pixels import stored_values
from edgefrac.imaging.dicom.quiet import quietly
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.voi import WindowChoice

_KIND = "DICOM file"


def decode_dicom(data: bytes, name: str, window: WindowChoice | None = None) -> Radiograph:
    """Decode a DICOM file's only or first frame; ``window`` as in ``read_radiograph``. Raises ``ImageError``."""
    return DicomFile(data, name).frame(0, window)


class DicomFile:
    """A DICOM file, its header read; ``name`` is what errors call it. Every method raises ``ImageError``."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        self._dataset = quietly(name, _KIND, lambda: parse(data, name))
        self.frames: int = quietly(name, _KIND, self._stated_frames)
        """How many frames the file says it has."""

    def _stated_frames(self) -> int:
        stated, held = max(1, integer(self._dataset, "NumberOfFrames", 1)), len(self._dataset.get("PixelData") or b"")
        if stated > max(held, 1):  # a frame has one byte at least
            raise ImageError(f"{self._name}: DICOM file of {stated} frames in {held} bytes of pixel data")
        return stated

    @property
    def has_pixels(self) -> bool:
        """Whether there is a picture in it at all."""
        return "PixelData" in self._dataset

    def place(self, frame: int = 0) -> facts.Place:
        """Where a frame lies in its series."""
        return quietly(self._name, _KIND, lambda: facts.place(list(scopes(self._dataset, frame))))

    def frame(self, index: int, window: WindowChoice | None = None) -> Radiograph:
        """Decode one frame, counted from 0."""
        return quietly(self._name, _KIND, lambda: self._frame(index, window))

    def _depth(self) -> int:
        """Bits of a colour sample, if it has more than 8."""
        is_palette = self._dataset.PhotometricInterpretation == "PALETTE COLOR"
        return 16 if is_palette else min(max(integer(self._dataset, "BitsStored", 16), 8), 16)

    def _frame(self, index: int, window: WindowChoice | None) -> Radiograph:
        stored, notes = stored_values(self._dataset, self._name, index)
        where = list(scopes(self._dataset, index))
        if self.frames > 1:
            notes.insert(0, f"first of {self.frames} frames" if index == 0 else f"frame {index + 1} of {self.frames}")
        depth = None
        if stored.ndim == 3:
            pixels = to_grey(stored, self._depth())
            notes.append("colour converted to grey")
        else:
            pixels, how, depth = monochrome(where, stored, window)
            notes += how
        notes += facts.identifying(self._dataset)
        return Radiograph(
            pixels,
            source_format="DICOM",
            modality=facts.modality(self._dataset),
            spacing_mm=facts.spacing(where),
            view=facts.view(where),
            side=facts.side(where),
            notes=tuple(notes),
            depth=depth,
        )
