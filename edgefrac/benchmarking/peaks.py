"""The roofs of this machine as LiteRT reaches them: multiply-accumulates a second, and bytes a second.

Both are measured with the runtime that runs the models, so that a layer is held against what its own kernels do under
ideal conditions, not against a data sheet (Williams, Waterman, Patterson 2009, "Roofline: an insightful visual
performance model for multicore architectures", who measure their roofs too).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product as combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from edgefrac.benchmarking.ideal_files import addition, product
from edgefrac.benchmarking.in_turns import seconds_in_turns
from edgefrac.benchmarking.layer_costs import Layer

# operands of the smallest lie in the first cache, of the largest in the second of most machines
_ROWS, _DEPTHS, _COLUMNS = (112, 240, 480), (128, 256, 512, 1024, 2048), (64, 128, 256)
# the smallest takes some microseconds, more than the overhead
_WORKING_SETS = tuple(3 * 2**n for n in (17, 18, 20, 22, 24, 26))
_BYTES_AN_ADDITION = 12
_TURNS = 25


@dataclass(frozen=True)
class Peaks:
    """Measured roofs of one machine with some number of threads.

    ``macs`` are multiply-accumulates a second by element type, ``products`` the rows, depth and columns that gave them;
    ``results`` are the seconds that each result of a product costs beside its multiply-accumulates, for int8 mostly
    requantization. ``bandwidths`` are bytes a second by the bytes that are touched, the fewest first.
    """

    macs: dict[str, float]
    products: dict[str, tuple[int, int, int]]
    results: dict[str, float]
    bandwidths: dict[int, float]

    def bandwidth(self, working_set: int) -> float:
        """Bytes a second of the smallest measured working set that holds so many bytes, else of the largest."""
        return next((rate for size, rate in self.bandwidths.items() if size >= working_set), self.memory)

    @property
    def memory(self) -> float:
        """Bytes a second of what fits in no cache."""
        return list(self.bandwidths.values())[-1]

    def least_seconds(self, layer: Layer) -> float:
        """The roof: as long as a layer takes if all it computes, or all it moves, goes at the peak."""
        computing = layer.macs / self.macs[layer.element] if layer.macs else 0.0
        return max(computing, layer.bytes / self.bandwidth(layer.bytes))


def measure_peaks(elements: Iterable[str], threads: int = 1) -> Peaks:
    """The best of several ideal matrix products in each of ``elements`` (int8, float32), and additions of all sizes."""
    macs: dict[str, float] = {}
    products: dict[str, tuple[int, int, int]] = {}
    results: dict[str, float] = {}
    sizes = list(combinations(_ROWS, _DEPTHS, _COLUMNS))
    for element in elements:
        taken = net_seconds([product(element, *size) for size in sizes], threads)
        computed = np.array([[np.prod(size), size[0] * size[2]] for size in sizes], float)
        best = int(np.argmax(computed[:, 0] / taken))
        macs[element], products[element] = float(computed[best, 0] / taken[best]), sizes[best]
        # least squares of the relative error
        results[element] = float(nnls(computed / taken[:, None], np.ones(len(sizes)))[0][1])
    taken = net_seconds([addition(size // _BYTES_AN_ADDITION) for size in _WORKING_SETS], threads)
    # what a larger working set reaches, a smaller one does too, were it not for the overhead
    falling = np.maximum.accumulate((np.array(_WORKING_SETS) / taken)[::-1])[::-1]
    return Peaks(macs, products, results, dict(zip(_WORKING_SETS, falling.tolist(), strict=True)))


def net_seconds(files: list[bytes], threads: int) -> NDArray[np.float64]:
    """Seconds of the second runs, less those of a file that computes nothing.

    A roof is what can be reached: the fastest tenth counts, not the median, which a busy machine raises.
    """
    taken = np.quantile(seconds_in_turns([*files, addition(1)], threads, _TURNS)[:, 1], 0.1, axis=1)
    return np.asarray(taken[:-1] - taken[-1])
