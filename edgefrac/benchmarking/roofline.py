"""Where the time of a TFLite file goes, layer by layer, and how far each layer is from what the machine can do.

LiteRT's Python interface tells no times of single operators, and XNNPACK hides them from it. So each layer is cut out of
the file (``layer_costs.alone``) and timed as a file of its own, all in turns with the whole file. Its time is that of the
second of two runs, less the time of a file that computes nothing. What this neglects: in the whole file weights have
left the nearest cache since the last image, while a layer's input was written just before; XNNPACK may choose otherwise
where it sees more than one layer, and a layer at the edge of a delegate is handed over once more. The sum of the parts
over the whole says what that comes to; so does the sum of the first runs, before which all has left the caches.

The roof of a layer is that of Williams, Waterman, Patterson 2009: the larger of its multiply-accumulates at the measured
peak and of its bytes at the measured bandwidth of the cache that holds them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.benchmarking.ideal_files import addition
from edgefrac.benchmarking.in_turns import seconds_in_turns
from edgefrac.benchmarking.layer_costs import KINDS, Kind, Layer, alone, layers
from edgefrac.benchmarking.peaks import Peaks, measure_peaks
from edgefrac.errors import UsageError
from edgefrac.targets.tflite_graph import read_graph
from edgefrac.targets.tflite_metadata import read_contract

TURNS = 40


@dataclass(frozen=True)
class Roofline:
    """A file's layers, their times and the roofs.

    ``whole`` are seconds [2, turns] of the file, ``parts`` [layers, 2, turns] of each layer alone, first and second runs;
    those of an empty file are subtracted. ``load`` is the machine's mean load of the last minute, when it began.
    """

    file: str
    threads: int
    load: float
    peaks: Peaks
    layers: tuple[Layer, ...]
    whole: NDArray[np.float64]
    parts: NDArray[np.float64]

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Median of each layer's second runs, [layers]."""
        return np.maximum(np.median(self.parts[:, 1], axis=1), 0)

    @property
    def least(self) -> NDArray[np.float64]:
        """Each layer's roof in seconds, [layers]."""
        return np.array([self.peaks.least_seconds(layer) for layer in self.layers])

    @property
    def computing(self) -> NDArray[np.float64]:
        """Seconds that each layer's multiply-accumulates take at the peak, [layers]."""
        return np.array([layer.macs / self.peaks.macs[layer.element] if layer.macs else 0.0 for layer in self.layers])

    def of_kind(self, kind: Kind) -> NDArray[np.bool_]:
        """Which layers are of a kind, [layers]."""
        return np.array([layer.kind == kind for layer in self.layers])

    def parts_over_whole(self, again: int) -> NDArray[np.float64]:
        """Sum of the layers over the whole file in first (0) or second (1) runs: lower quartile, median, upper one."""
        return np.quantile(self.parts[:, again].sum(axis=0) / self.whole[again], [0.25, 0.5, 0.75])

    def of_peak(self, kind: Kind) -> float:
        """Multiply-accumulates a second of all layers of a kind, as a share of the measured peak."""
        chosen = self.of_kind(kind)
        return float(self.computing[chosen].sum() / self.seconds[chosen].sum())

    def requantizing(self, kind: Kind) -> float:
        """Share of a kind's time that its results cost, at what they cost in ideal products (``Peaks.results``)."""
        chosen = self.of_kind(kind)
        costs = [
            np.prod(layer.shape) * self.peaks.results[layer.element] for layer in self.layers if layer.kind == kind
        ]
        return float(np.sum(costs) / self.seconds[chosen].sum())


def measure_roofline(path: Path, threads: int = 1, turns: int = TURNS) -> Roofline:
    """Measure a float32 or int8 TFLite file on this machine's CPU, and the machine itself.

    Raises ModelFileError for a file without contract, UsageError for one in float16, whose weights are not constants.
    """
    if read_contract(path).precision == "fp16":
        raise UsageError(
            f"{path}: float16 weights are turned into float32 when the file is loaded",
            hint="its float32 file computes the same",
        )
    load = os.getloadavg()[0]
    data = path.read_bytes()
    model = read_graph(data)
    found = layers(model)
    files = [data, *(alone(model, layer) for layer in found), addition(1)]
    taken = seconds_in_turns(files, threads, turns)
    net = taken[:-1] - np.median(taken[-1], axis=1, keepdims=True)
    peaks = measure_peaks(sorted({layer.element for layer in found if layer.macs}), threads)
    return Roofline(path.name, threads, load, peaks, found, net[0], net[1:])


def used_kinds(roofline: Roofline) -> list[Kind]:
    """The kinds of layers in the file, those with multiply-accumulates first."""
    return [kind for kind in KINDS if roofline.of_kind(kind).any()]
