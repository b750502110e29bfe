"""Weights to int8 so that the errors of a kernel cancel.

Rounding each weight to its nearest step leaves a sum of errors per kernel. Where the input is constant, as on the black
field around a radiograph, that sum shifts the whole channel. Moving the few weights nearest to the middle between two
steps to the other side brings each kernel's sum within half a step (the kernel-wise rule of SQuant, Guo et al. 2022,
arXiv:2202.07471), which needs no data.

Kernels that lie on their grid already, but for the rounding of float16 they were stored in, are left there: a network
made for int8 is defined by such weights.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LARGEST = 127
_ON_GRID = 0.125  # of a step; float16 moves a weight by a sixteenth at most, and the largest, which sets the scale, too


def absmax_scale(kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    """The step of each row's int8 grid, [N] for kernels [N, M]: its largest weight becomes 127."""
    scale: NDArray[np.float32] = np.maximum(np.abs(kernels).max(axis=1), 1e-8).astype(np.float32) / np.float32(LARGEST)
    return scale


def round_kernels(kernels: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round kernels [N, M] on the grid of ``scale`` [N] (absmax / 127), the sum of each row kept within half a step.

    Returns the rounded values as float32 multiples of the scale, so that a quantizer finds them exactly on its grid.
    """
    steps = kernels.astype(np.float64) / scale[:, None]
    rounded = np.round(steps)
    error = rounded - steps
    surplus = np.where(np.abs(error).max(axis=1) < _ON_GRID, 0, np.round(error.sum(axis=1))).astype(int)
    for row in np.flatnonzero(surplus):
        direction = np.sign(surplus[row])
        # the weights that were rounded furthest in the direction of the surplus; the largest stays, it sets the scale
        worst = np.argsort(-error[row] * direction, kind="stable")
        movable = worst[np.abs(rounded[row, worst]) < LARGEST][: abs(surplus[row])]
        rounded[row, movable] -= direction
    return (np.clip(rounded, -LARGEST, LARGEST) * scale[:, None]).astype(np.float32)
