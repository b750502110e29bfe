"""``edgefrac.preprocess/1``: radiograph -> network input, in integers only.

Python, Kotlin and TypeScript agree bit for bit because nothing here is a float. With (h, w) the raster, L its
longer side and S the input size:

1. the resized raster has n = max(1, (2·side·S + L) // (2·L)) pixels along each side (so L becomes S);
2. an axis that shrinks (or stays) is averaged by area: in units of 1/n_out pixel, output j covers
   [j·n_in, (j+1)·n_in) and input i covers [i·n_out, (i+1)·n_out); weights are the overlaps, their sum is n_in;
3. an axis that grows is interpolated linearly between pixel centres: output j sits at
   p = (2j+1)·n_in - n_out in units of 1/(2·n_out) from the centre of input 0; with k = p // (2·n_out) and
   r = p mod 2·n_out, the weights are 2·n_out - r for input k and r for input k+1, both clamped to the raster;
4. both axes are summed exactly, then divided once: (2·sum + D) // (2·D), D the product of the two weight sums;
5. the result is centred on an S×S field of zeros, at ((S - h') // 2, (S - w') // 2).

Largest sum: 255·20,000·20,000 < 2^53, so doubles (JavaScript) hold it too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Placement:
    """Where a raster of ``height``×``width`` pixels lies in the S×S network input."""

    height: int
    width: int
    size: int

    @property
    def resized(self) -> tuple[int, int]:
        """(rows, columns) of the raster after resizing."""
        longer = max(self.height, self.width)
        rows, columns = (max(1, (2 * side * self.size + longer) // (2 * longer)) for side in (self.height, self.width))
        return rows, columns

    @property
    def offset(self) -> tuple[int, int]:
        """(row, column) of the raster's top left corner in the input."""
        rows, columns = self.resized
        return (self.size - rows) // 2, (self.size - columns) // 2

    def to_source(self, x: float, y: float) -> tuple[float, float]:
        """Input coordinates (pixels, 0 = left/top edge) -> raster coordinates, clamped to the raster."""
        (rows, columns), (top, left) = self.resized, self.offset
        source_x = (x - left) * self.width / columns
        source_y = (y - top) * self.height / rows
        return min(max(source_x, 0.0), float(self.width)), min(max(source_y, 0.0), float(self.height))

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """Raster coordinates (pixels, 0 = left/top edge) -> input coordinates."""
        (rows, columns), (top, left) = self.resized, self.offset
        return x * columns / self.width + left, y * rows / self.height + top


def preprocess(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize the longer side of ``pixels`` (uint8 [H, W]) to ``size`` and centre it on zeros: uint8 [size, size]."""
    placement = Placement(int(pixels.shape[0]), int(pixels.shape[1]), size)
    (rows, columns), (top, left) = placement.resized, placement.offset
    by_row, row_sum = _resample_rows(pixels, rows)
    transposed, column_sum = _resample_rows(np.ascontiguousarray(by_row.T), columns)
    total = row_sum * column_sum
    field = np.zeros((size, size), np.uint8)
    field[top : top + rows, left : left + columns] = ((2 * transposed.T + total) // (2 * total)).astype(np.uint8)
    return field


def _resample_rows(values: NDArray[np.integer], n_out: int) -> tuple[NDArray[np.int64], int]:
    """Weighted sums along axis 0 (undivided) and the sum of the weights, by rule 2 or 3 of the module."""
    n_in = values.shape[0]
    if n_out == n_in:
        return values.astype(np.int64), 1
    return _shrink_rows(values, n_out) if n_out < n_in else _grow_rows(values, n_out)


def _shrink_rows(values: NDArray[np.integer], n_out: int) -> tuple[NDArray[np.int64], int]:
    n_in = values.shape[0]
    # the sums of bytes along one axis fit into 32 bits, in which they are twice as fast
    wide = values.astype(np.int32 if values.dtype == np.uint8 else np.int64)
    output = np.arange(n_out, dtype=np.int64)
    first = output * n_in // n_out
    sums = np.zeros((n_out, wide.shape[1]), wide.dtype)
    part = np.empty_like(sums)
    # all outputs at once, first their first inputs, then their second ones; beyond its last an output has weight 0
    for step in range(-(-n_in // n_out) + 1):
        row = first + step
        overlap = np.minimum((row + 1) * n_out, (output + 1) * n_in) - np.maximum(row * n_out, output * n_in)
        np.take(wide, row, axis=0, out=part, mode="clip")
        part *= overlap.clip(0).astype(wide.dtype)[:, None]
        sums += part
    return sums.astype(np.int64), n_in


def _grow_rows(values: NDArray[np.integer], n_out: int) -> tuple[NDArray[np.int64], int]:
    n_in = values.shape[0]
    position = (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in - n_out
    low, rest = position // (2 * n_out), position % (2 * n_out)
    wide = values.astype(np.int64)
    below = wide[np.clip(low, 0, n_in - 1)] * (2 * n_out - rest)[:, None]
    above = wide[np.clip(low + 1, 0, n_in - 1)] * rest[:, None]
    return below + above, 2 * n_out
