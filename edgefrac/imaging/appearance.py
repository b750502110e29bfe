"""How a network input looks, in a few numbers: enough to tell a photograph from a radiograph.

``edgefrac.appearance/1``, of the part of the input that is not black border (the bounding box of all pixels above 0):
its quantiles of grey, the logarithms of how steep and how rough it is, its entropy, and how its border and its middle
differ. Each takes a pass over 100,000 pixels, in any language.
"""

from __future__ import annotations

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
    values = image.astype(np.float64)
    down, right = np.gradient(values)
    steep = np.hypot(down, right)
    centre = values[1:-1, 1:-1]
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    rough = np.abs(4 * centre - around)
    textures = (steep.mean(), np.quantile(steep, 0.9), np.quantile(steep, 0.5), rough.mean(), np.quantile(rough, 0.9))
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    height, width = image.shape
    middle = values[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    inside = middle.mean() if middle.size else values.mean()
    return np.array(
        [
            *(np.quantile(values, _QUANTILES) / 255),
            *(np.log(value + _LEAST) for value in textures),
            _entropy(image),
            border.mean() / 255,
            (border < _DARK).mean(),
            (values < _DARK).mean(),
            (inside - border.mean()) / 255,
        ]
    )


def _shown(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    if not rows.size:
        return image[:0, :0]
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _entropy(image: NDArray[np.uint8]) -> float:
    """Of the grey levels, as a share of the 8 bits that an image can have."""
    share = np.bincount(image.ravel(), minlength=256) / image.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum() / 8)
