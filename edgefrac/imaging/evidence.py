"""The evidence map on the radiograph it speaks of.

A map has h×w cells that tile the S×S network input evenly, so cell (i, j) covers rows i·S/h to (i+1)·S/h and columns
j·S/w to (j+1)·S/w of the input, the zero padding around the radiograph included.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.preprocess import Placement


def evidence_peak(evidence: NDArray[np.float32], placement: Placement) -> tuple[float, float]:
    """Centre (x, y) of the strongest cell of ``evidence`` [h, w], in pixels of the source raster (0 = left/top edge).

    Only cells whose centre lies on the radiograph count, never those of the padding; the first in reading order wins
    a tie. A radiograph so narrow that it has no cell centre gets the nearest cells, clamped to it.
    """
    (rows, columns), (top, left) = placement.resized, placement.offset
    y, on_y = _centres_within(evidence.shape[0], placement.size, top, top + rows)
    x, on_x = _centres_within(evidence.shape[1], placement.size, left, left + columns)
    inside = evidence[np.ix_(on_y, on_x)]
    row, column = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return placement.to_source(float(x[column]), float(y[row]))


def to_raster(
    evidence: NDArray[np.float32], placement: Placement, shape: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Bilinear map of ``evidence`` [h, w] on the source raster: float32 [H, W], or ``shape`` samples spread over it.

    Beyond the outermost cell centres the map stays constant.
    """
    height, width = shape or (placement.height, placement.width)
    (rows, columns), (top, left) = placement.resized, placement.offset
    by_column = _interpolate(evidence.T, placement.size, left, columns, width)
    return _interpolate(np.ascontiguousarray(by_column.T), placement.size, top, rows, height)


def _centres_within(cells: int, size: int, start: int, stop: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Along one axis: centres of the cells inside [start, stop] in input pixels, and the cells' indices."""
    centres = (np.arange(cells) + 0.5) * size / cells
    chosen = np.flatnonzero((centres >= start) & (centres <= stop))
    if not chosen.size:
        distance = np.abs(centres - (start + stop) / 2)
        chosen = np.flatnonzero(distance == distance.min())
    return centres[chosen], chosen


def _interpolate(values: NDArray[np.float32], size: int, start: int, extent: int, samples: int) -> NDArray[np.float32]:
    """Linear along axis 0 between cell centres, at ``samples`` points spread evenly over [start, start + extent]."""
    cells = values.shape[0]
    position = start + (np.arange(samples) + 0.5) * extent / samples
    index = np.clip(position * cells / size - 0.5, 0, cells - 1)
    low = np.floor(index).astype(np.intp)
    step = values[np.minimum(np.arange(cells) + 1, cells - 1)] - values
    share = (index - low).astype(np.float32)[:, None]
    blended = np.empty((samples, values.shape[1]), np.float32)
    # cell by cell, because fresh memory for more than the result costs more than the arithmetic
    ends = np.searchsorted(low, np.arange(cells), side="right")
    for cell, (first, last) in enumerate(pairwise((0, *ends.tolist()))):
        part = blended[first:last]
        np.multiply(share[first:last], step[cell], out=part)
        part += values[cell]
    return blended
