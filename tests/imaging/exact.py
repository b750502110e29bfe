"""``edgefrac.preprocess/1`` a second time, from its definition, in exact fractions and one pixel at a time."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray


def preprocess(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """uint8 [H, W] -> uint8 [size, size]."""
    height, width = pixels.shape
    longer = max(height, width)
    rows, columns = (max(1, round_half_up(Fraction(side * size, longer))) for side in (height, width))
    top, left = (size - rows) // 2, (size - columns) // 2
    values = [[int(value) for value in row] for row in pixels]
    field = np.zeros((size, size), np.uint8)
    across = _weights(width, columns)
    for y, down in enumerate(_weights(height, rows)):
        line = [sum((share * values[i][j] for i, share in down.items()), Fraction()) for j in range(width)]
        for x, shares in enumerate(across):
            exact = sum((share * line[j] for j, share in shares.items()), Fraction())
            field[top + y, left + x] = round_half_up(exact)
    return field


def round_half_up(value: Fraction) -> int:
    """Nearest integer, halves upwards."""
    return floor(value + Fraction(1, 2))


def _weights(n_in: int, n_out: int) -> list[dict[int, Fraction]]:
    """For each output, the share that every input has in it."""
    make = _area if n_out <= n_in else _linear
    return [make(n_in, n_out, output) for output in range(n_out)]


def _area(n_in: int, n_out: int, output: int) -> dict[int, Fraction]:
    start, stop = Fraction(output * n_in, n_out), Fraction((output + 1) * n_in, n_out)
    overlaps = {i: min(stop, Fraction(i + 1)) - max(start, Fraction(i)) for i in range(n_in)}
    return {i: overlap / (stop - start) for i, overlap in overlaps.items() if overlap > 0}


def _linear(n_in: int, n_out: int, output: int) -> dict[int, Fraction]:
    position = (output + Fraction(1, 2)) * n_in / n_out - Fraction(1, 2)
    below = floor(position)
    weights: dict[int, Fraction] = {}
    for i, weight in ((below, 1 - (position - below)), (below + 1, position - below)):
        held = min(max(i, 0), n_in - 1)
        weights[held] = weights.get(held, Fraction()) + weight
    return weights
