"""Phantoms stored as clinics store radiographs: every way that a reader must understand, by turns."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgefrac.datasets.phantom.dicom import Acquired, to_dicom
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.raster import as_stored, recognises_raster, stored_samples
from edgefrac.imaging.read import decode_radiograph
from edgefrac.verification.hypotheses import Shot

_TINT = np.array([0.72, 0.95, 1.0])  # a film digitised in colour, on its bluish base
_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True, eq=False)
class Film:
    """One stored radiograph: the bytes of its file, what the right reader makes of them, and its labels by task."""

    data: bytes
    radiograph: Radiograph
    labels: tuple[int, ...]
    group: str

    @property
    def shot(self) -> Shot:
        """As the diagnosis wants it."""
        samples = stored_samples(self.data, "film") if recognises_raster(self.data) else None
        return Shot(self.radiograph, samples)


def store(pixels: NDArray[np.uint8], labels: tuple[int, ...], number: int) -> Film:
    """A phantom as one of four kinds of file: MONOCHROME1 DICOM, 12 bits in 16, tinted colour, turned by EXIF."""
    data = (_monochrome1, _twelve_bits, _tinted, _turned)[number % 4](pixels)
    return Film(data, decode_radiograph(data, "film"), labels, f"patient-{number // 2}")


def _monochrome1(pixels: NDArray[np.uint8]) -> bytes:
    import pydicom

    made = to_dicom(Acquired("xray", 255 - pixels, 0.4, "hand", "frontal", "film", "patient"))
    header = pydicom.dcmread(io.BytesIO(made))
    header.PhotometricInterpretation = "MONOCHROME1"
    stream = io.BytesIO()
    header.save_as(stream)
    return stream.getvalue()


def _twelve_bits(pixels: NDArray[np.uint8]) -> bytes:
    wide = pixels.astype(np.uint16) * 16 + pixels % 16
    return _png(Image.fromarray(wide))


def _tinted(pixels: NDArray[np.uint8]) -> bytes:
    return _png(Image.fromarray((pixels[:, :, None] * _TINT).round().astype(np.uint8)))


def _turned(pixels: NDArray[np.uint8]) -> bytes:
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = 6
    return _png(Image.fromarray(as_stored(pixels, 6)), exif=exif)


def _png(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)  # type: ignore[arg-type]
    return stream.getvalue()
