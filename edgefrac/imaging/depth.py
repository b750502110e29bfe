"""The numbers behind an 8-bit raster, at their own depth: what a viewer's window needs.

The raster is what the network gets; a detector gives more than 256 greys, and a reader turns a window to see them.
Two facts hold for every image, so that a viewer in any language shows what was predicted on, and more:

- ``table[value]`` is the raster's grey, whatever curve the file asked for: the view as read, bit for bit;
- ``(value + first) · slope + intercept`` is the value in modality units, which are HU for CT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.voi import Lut, Window

Unit = Literal["HU", "value", "grey"]
"""Of modality values: Hounsfield units, what the file stores, or greys of the raster where that is all there is."""


@dataclass(frozen=True)
class Curve:
    """The window in modality units (DICOM's LINEAR) by which the raster was made.

    Where that was no straight line (a VOI LUT, a sigmoid), it is the line nearest to it, and ``straight`` is False.
    """

    center: float
    width: float
    straight: bool = True

    @classmethod
    def of(cls, window: Window) -> Curve:
        """The same window in the words of LINEAR, which counts a pixel value as wide."""
        if window.function == "LINEAR_EXACT":
            return cls(window.center + 0.5, window.width + 1)
        return cls(window.center, window.width, window.function == "LINEAR")

    @classmethod
    def between(cls, low: float, high: float) -> Curve:
        """From black at ``low`` to white at ``high``."""
        return cls((low + high + 1) / 2, max(1.0, high - low + 1))

    @classmethod
    def under(cls, lut: Lut) -> Curve:
        """Along the values that a VOI LUT tells apart."""
        line = cls.between(lut.first, lut.first + len(lut.entries) - 1)
        return cls(line.center, line.width, straight=False)


@dataclass(frozen=True)
class Depth:
    """What a raster was made from; the module says how.

    ``stored`` [H, W] are integers, none below ``first``; ``table`` uint8 [N] covers all of them. ``inverted``: higher
    values are darker (MONOCHROME1).
    """

    stored: NDArray[Any]
    table: NDArray[np.uint8]
    curve: Curve
    first: int = 0
    slope: float = 1.0
    intercept: float = 0.0
    inverted: bool = False
    unit: Unit = "value"

    @property
    def values(self) -> NDArray[Any]:
        """``stored`` from 0 on, uint8 [H, W] where that is deep enough, else uint16."""
        kind = np.uint8 if len(self.table) <= 256 else np.uint16
        if self.first == 0:
            return self.stored.astype(kind, copy=False)
        return (self.stored.astype(np.int64) - self.first).astype(kind)


def of_raster(pixels: NDArray[np.uint8]) -> Depth:
    """The greys of a raster uint8 [H, W] themselves, where nothing deeper is there."""
    return Depth(pixels, np.arange(256, dtype=np.uint8), Curve.between(0, 255), unit="grey")


def of_samples(samples: NDArray[np.uint16]) -> Depth:
    """Grey samples of 16 bits [H, W] of a raster file, made 8-bit by rule 3 of ``imaging.grey``."""
    from edgefrac.imaging.grey import significant, to_grey

    bits = significant(samples)
    domain = np.arange(int(samples.max()) + 1, dtype=np.uint16)
    return Depth(samples, to_grey(domain[None, :], bits)[0], Curve.between(0, (1 << bits) - 1))
