"""The radiograph: one image as read, as an 8-bit grey raster plus facts, never patient data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.depth import Depth, of_raster


@dataclass(frozen=True)
class Radiograph:
    """One image as read.

    ``pixels`` is uint8 [H, W], bright = dense. ``notes`` says what the reader had to do or accept
    ("truncated JPEG", "MONOCHROME1 inverted"). What the file does not say, or not in the standard's own codes, is None:
    ``modality`` is DICOM's ("DX"); ``spacing_mm`` is (row, column); ``view`` is AP, PA, LL, RL, RLD, LLD, RLO or LLO;
    ``side`` is R, L, B (both) or U (unpaired); ``slice_index`` counts the slices of a stack from 0. ``chroma``, 0 to 1,
    is how coloured the file was (``grey.chroma``). ``depth`` are the numbers that ``pixels`` was made from, where they
    are deeper than it.
    """

    pixels: NDArray[np.uint8]
    source_format: str
    modality: str | None = None
    spacing_mm: tuple[float, float] | None = None
    notes: tuple[str, ...] = field(default=())
    view: str | None = None
    side: str | None = None
    slice_index: int | None = None
    chroma: float = 0.0
    depth: Depth | None = field(default=None, repr=False, compare=False)

    @property
    def height(self) -> int:
        """Rows of the raster."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the raster."""
        return int(self.pixels.shape[1])

    @property
    def numbers(self) -> Depth:
        """What there is to window: ``depth``, else the greys themselves."""
        return self.depth or of_raster(self.pixels)

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the raster with its shape: the identity of the image across encodings."""
        digest = hashlib.sha256(f"{self.height}x{self.width}:".encode("ascii"))
        digest.update(np.ascontiguousarray(self.pixels).tobytes())
        return digest.hexdigest()
