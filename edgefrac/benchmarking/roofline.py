"""Where the time of a TFLite file goes, layer by layer, and how far each layer is from what the machine can do.

LiteRT's Python interface tells no times of single operators. (Its C interface does; ``benchmarks/roofline_profiler.py``
puts them beside ours.) So each layer is cut out of the file (``layer_costs.alone``) and timed as a file of its own, all
in turns with the whole file. Its time is that of the second of two runs, less the time of a file that computes nothing.
What this neglects: in the whole file, weights have left the nearest cache since the last image, while a layer's input
was written just before; tensors lie elsewhere in memory; XNNPACK may choose otherwise where it sees more than one
layer; and each layer alone is handed to it and taken back. The sum of the parts over the whole says what that comes to;
so does the sum of the first runs, before which all left the caches. Of single float32 layers it may be a factor of two.

The roof of a layer is that of Williams, Waterman, Patterson 2009: the larger of its multiply-accumulates at the
measured peak and of its bytes at the measured bandwidth of the cache that holds them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
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

    ``whole`` are seconds [2, turns] of the file, ``parts`` [layers, 2, turns] of each layer alone, first and second
    runs; those of an empty file are subtracted. ``load`` is the machine's mean load of the minute before.
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

    @property
    def results(self) -> NDArray[np.float64]:
        """Seconds that each layer's results cost beside their multiply-accumulates in ideal products, [layers]."""
        each = [self.peaks.results[layer.element] if layer.macs else 0.0 for layer in self.layers]
        return np.array([prod(layer.shape) for layer in self.layers]) * each

    def parts_over_whole(self, run: int) -> list[float]:
        """Sum of the layers over the whole file in first (0) or second (1) runs: lower quartile, median, upper one."""
        ratios = self.parts[:, run].sum(axis=0) / self.whole[run]
        return [float(q) for q in np.quantile(ratios, [0.25, 0.5, 0.75])]


@dataclass(frozen=True)
class Group:
    """Several layers together; shares are of the time they take.

    ``share`` is theirs of all layers' time. ``of_peak`` is the time that their multiply-accumulates take at the peak,
    ``of_results`` what their results cost beside (for int8, mostly requantization), ``of_roof`` the time at the roof.
    """

    layers: int
    macs: int
    seconds: float
    share: float
    of_peak: float
    of_results: float
    of_roof: float


def by_kind(roofline: Roofline) -> dict[Kind, Group]:
    """The layers of each kind that the file has, those with multiply-accumulates first."""
    numbers = {kind: [n for n, layer in enumerate(roofline.layers) if layer.kind == kind] for kind in KINDS}
    return {kind: _group(roofline, chosen) for kind, chosen in numbers.items() if chosen}


def pointwise_by_side(roofline: Roofline) -> dict[int, Group]:
    """The 1×1 convolutions by the height of their results, in the order of the file."""
    numbers: dict[int, list[int]] = {}
    for number, layer in enumerate(roofline.layers):
        if layer.kind == "1×1 convolution":
            numbers.setdefault(layer.shape[1], []).append(number)
    return {side: _group(roofline, chosen) for side, chosen in numbers.items()}


def _group(roofline: Roofline, chosen: list[int]) -> Group:
    seconds = roofline.seconds[chosen].sum()

    def share(part: NDArray[np.float64]) -> float:
        return float(part[chosen].sum() / seconds) if seconds else 0.0

    return Group(
        layers=len(chosen),
        macs=sum(roofline.layers[number].macs for number in chosen),
        seconds=float(seconds),
        share=float(seconds / roofline.seconds.sum()),
        of_peak=share(roofline.computing),
        of_results=share(roofline.results),
        of_roof=share(roofline.least),
    )


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
