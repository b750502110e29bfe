"""How a network input looks, in a few numbers: enough to tell a photograph from a radiograph.

``edgefrac.appearance/1``, of the part of the input that is not black border (the bounding box of all pixels above 0):
its quantiles of grey, the logarithms of how steep and how rough it is, its entropy, and how its border and its middle
differ. Each takes a pass over 100,000 pixels, in any language: all but means come from histograms of whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

APPEARANCE = "edgefrac.appearance/1"
NUMBERS = 17

_QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_DARK = 16
_LEAST = 0.1  # grey levels; keeps the logarithm of a flat image finite


def appearance(network_input: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The 17 numbers, float64, of a network input uint8 [S, S]; all nought for one without a 3×3 part above 0."""
    image = _shown(network_input)
    if min(image.shape) < 3:
        return np.zeros(NUMBERS)
    values = image.astype(np.int32)
    greys = np.bincount(image.ravel(), minlength=256)
    steep, rough = _squared_steepness(values), _roughness(values)
    steep_middle, steep_high = _quantiles(np.bincount(steep.ravel()), (0.5, 0.9), lambda square: np.sqrt(square) / 2)
    (rough_high,) = _quantiles(np.bincount(rough.ravel()), (0.9,))
    textures = (np.sqrt(steep).mean() / 2, steep_high, steep_middle, rough.mean(), rough_high)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    height, width = image.shape
    middle = values[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    inside = middle.mean() if middle.size else values.mean()
    return np.array(
        [
            *(_quantiles(greys, _QUANTILES) / 255),
            *(np.log(value + _LEAST) for value in textures),
            _entropy(greys / image.size),
            border.mean() / 255,
            (border < _DARK).mean(),
            greys[:_DARK].sum() / image.size,
            (inside - border.mean()) / 255,
        ]
    )


def _squared_steepness(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Four times the square of the gradient by central differences, one-sided at the edges, of [H, W]."""
    twice = [np.empty_like(values), np.empty_like(values)]
    for slope, along in zip(twice, (values, values.T), strict=True):
        down = slope if along is values else slope.T
        np.subtract(along[2:], along[:-2], out=down[1:-1])
        down[0], down[-1] = 2 * (along[1] - along[0]), 2 * (along[-1] - along[-2])
    return twice[0] ** 2 + twice[1] ** 2


def _roughness(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """How far each inner place is from its four neighbours, of [H, W]: [H-2, W-2]."""
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    return np.abs(4 * values[1:-1, 1:-1] - around)


def _quantiles(
    counts: NDArray[np.intp],
    wanted: Sequence[float],
    value: Callable[[NDArray[np.intp]], NDArray[np.float64]] = lambda number: number.astype(np.float64),
) -> NDArray[np.float64]:
    """Quantiles, linear between neighbours, of whole numbers from how often each occurs, as ``value`` makes of them."""
    below = np.cumsum(counts)
    position = np.asarray(wanted) * (below[-1] - 1)
    low = np.floor(position).astype(np.intp)
    high = np.minimum(low + 1, below[-1] - 1)
    at_low, at_high = (value(np.searchsorted(below, index, side="right")) for index in (low, high))
    found: NDArray[np.float64] = at_low + (at_high - at_low) * (position - low)
    return found


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    if not rows.size:
        return image[:0, :0]
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _entropy(share: NDArray[np.float64]) -> float:
    """Of the shares of the grey levels, as a part of the 8 bits that an image can have."""
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum() / 8)
