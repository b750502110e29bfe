"""The resizing filters of other libraries, as plain matrices: to recognise their results, never to feed a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


def resized(pixels: NDArray[np.uint8], rows: int, columns: int, kernel: str) -> Values:
    """``pixels`` [H, W] -> [rows, columns], both axes by ``kernel``, one of ``KERNELS``; not rounded."""
    matrix = KERNELS[kernel]
    return matrix(pixels.shape[0], rows) @ pixels.astype(np.float64) @ matrix(pixels.shape[1], columns).T


def _nearest(n_in: int, n_out: int) -> Values:
    matrix = np.zeros((n_out, n_in))
    matrix[np.arange(n_out), np.minimum(((np.arange(n_out) + 0.5) * n_in / n_out).astype(int), n_in - 1)] = 1
    return matrix


def _point(n_in: int, n_out: int) -> Values:
    """Linear between the two nearest pixel centres, whatever the scale."""
    at = np.clip((np.arange(n_out) + 0.5) * n_in / n_out - 0.5, 0, n_in - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(n_in))))


def _area(n_in: int, n_out: int) -> Values:
    if n_out > n_in:
        return _point(n_in, n_out)
    edges = np.arange(n_out + 1) * n_in / n_out
    low, high = np.maximum(edges[:-1, None], np.arange(n_in)), np.minimum(edges[1:, None], np.arange(n_in) + 1)
    return np.asarray(np.maximum(0, high - low) * n_out / n_in)


def _stretched(kernel: Callable[[Values], Values]) -> Callable[[int, int], Values]:
    """A filter as wide as the reduction asks (Pillow, and torch with ``antialias``)."""

    def matrix(n_in: int, n_out: int) -> Values:
        scale = max(1.0, n_in / n_out)
        centre = (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
        weights = kernel((np.arange(n_in) - centre[:, None]) / scale)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    return matrix


def _cubic(x: Values) -> Values:
    """Keys' kernel with a = -0.5."""
    x = np.abs(x)
    inner, outer = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


KERNELS: dict[str, Callable[[int, int], Values]] = {
    "area": _area,
    "nearest": _nearest,
    "point": _point,
    "triangle": _stretched(lambda x: np.maximum(0, 1 - np.abs(x))),
    "cubic": _stretched(_cubic),
}
