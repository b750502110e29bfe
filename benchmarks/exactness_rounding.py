"""The integer network with the rounding of TFLite's reference kernels, which Arm's Ethos-U and CMSIS-NN share.

They multiply a sum by a factor of 31 bits, round to whole numbers of a power of two, half up, then divide by that power
and round again, half away from zero. What lies just below a half in the first place ends up above it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.quantization.exact_plan import FACTOR_BITS
from edgefrac.quantization.integers import IntegerNetwork


class TwiceRounded(IntegerNetwork):
    """The same layers and grids, other codes."""

    def _scaled(self, accumulator: NDArray[np.float64], factor: NDArray[np.int64]) -> NDArray[np.float64]:
        fraction, exponent = np.frexp(factor / 2.0**FACTOR_BITS)
        multiplier = (fraction * 2.0**31).astype(np.int64)[:, None, None]
        left, right = np.maximum(exponent, 0)[:, None, None], np.maximum(-exponent, 0)[:, None, None]
        product = (accumulator.astype(np.int64) << left) * multiplier
        first = (product + (1 << 30)) >> 31
        half = (np.int64(1) << right) >> 1
        return np.asarray(np.where(first < 0, -((half - first) >> right), (first + half) >> right), np.float64)
