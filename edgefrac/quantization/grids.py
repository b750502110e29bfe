"""Make an exact plan: from the ranges that calibration saw to grids and factors, see ``quantization.exact_plan``."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import ConversionError
from edgefrac.models.layers import IMAGE, Addition, Convolution, LayerGraph, MaxPooling
from edgefrac.quantization.exact_plan import FACTOR_BITS, ExactPlan, Grid
from edgefrac.quantization.ranges import Range
from edgefrac.quantization.rounding import LARGEST

_PIXELS = Grid(exponent=-7, zero_point=0, step=1 / 128)  # (pixel - 128) / 128: no pixel is rounded
_SMALLEST = 1e-6
_FACTORS_TRIED = range(-3, 13)


def make_plan(graph: LayerGraph, ranges: Mapping[str, Range], architecture: str, source: str) -> ExactPlan:
    """A plan from the range of each value, by name; raises ConversionError where one is missing."""
    grids = grids_of(graph, ranges)
    factors = {
        layer.name: tuple(int(k) for k in _factors(layer, grids[layer.source].step, grids[layer.name].step))
        for layer in graph.convolutions()
    }
    sources = {layer.name: layer.source for layer in graph.convolutions()}
    return ExactPlan(architecture=architecture, source=source, grids=grids, factors=factors, sources=sources)


def grids_of(graph: LayerGraph, ranges: Mapping[str, Range]) -> dict[str, Grid]:
    """The grid of each value."""
    missing = [layer.name for layer in graph.layers if layer.name not in ranges]
    if missing:
        raise ConversionError(
            f"the activation ranges were taken from another network (none for {missing[0]})",
            hint="take new ones with --calibration DIR",
        )
    rectified = {layer.name for layer in graph.layers if _is_rectified(layer)}
    steps = {layer.name: _step(layer, ranges[layer.name], layer.name in rectified) for layer in graph.layers}
    for members in (*_added(graph), {graph.output}):
        common = max(steps[name] for name in members)
        if graph.output in members:  # the evidence map is read by people: its code is worth what the file says
            common = 2.0 ** ceil(log2(common))
        steps.update(dict.fromkeys(members, common))
    grids = {
        name: Grid(exponent=round(log2(step)), zero_point=-128 if name in rectified else 0, step=step)
        for name, step in steps.items()
    }
    return {IMAGE: _PIXELS, **grids}


def _is_rectified(layer: Convolution | Addition | MaxPooling) -> bool:
    return isinstance(layer, MaxPooling) or layer.activation != "none"


def _step(layer: Convolution | Addition | MaxPooling, limits: Range, rectified: bool) -> float:
    low, high = limits
    if rectified:
        top = min(high, 6.0) if getattr(layer, "activation", "") == "relu6" else high
        return max(top, _SMALLEST) / 255
    return max(-low / 128, high / 127, _SMALLEST / 255)


def _added(graph: LayerGraph) -> list[set[str]]:
    """Sets of values that share a step: what is added to each other, and what a pooling reads and gives."""
    groups: list[set[str]] = []
    for layer in graph.layers:
        if isinstance(layer, Convolution):
            continue
        joined = {layer.name, *layer.sources}
        if IMAGE in joined:
            raise ConversionError("the image itself is added or pooled, which no exact plan covers")
        apart = [group for group in groups if not group & joined]
        groups = [*apart, joined.union(*(group for group in groups if group & joined))]
    return groups


def _factors(layer: Convolution, before: float, after: float) -> NDArray[np.int64]:
    """For each kernel the factor, of the few that fit, on whose grid its weights are rounded least.

    A weight's step is factor / 2¹⁵ · ``after`` / ``before``, the steps of source and result. Where the bias is far
    beyond the result's range factors are even, or more than that, so that sums without it stay exact, too.
    """
    kernels = layer.weight.reshape(len(layer.weight), -1).astype(np.float64) * (before / after * 2**FACTOR_BITS)
    grain = 2.0 ** np.ceil(np.log2(np.maximum(np.abs(layer.bias) / after / 2**8, 1)))
    fits = np.ceil(np.abs(kernels).max(axis=1) / LARGEST / grain)
    best = np.maximum(fits, 1) * grain
    least = np.full(len(kernels), np.inf)
    for offset in _FACTORS_TRIED:
        factor = np.maximum(fits + offset, 1) * grain
        codes = np.clip(np.rint(kernels / factor[:, None]), -LARGEST, LARGEST)
        error = np.square(kernels - codes * factor[:, None]).sum(axis=1)
        best, least = np.where(error < least, factor, best), np.minimum(error, least)
    if best.max() >= 2**24:
        raise ConversionError(f"{layer.name}: a weight is so large that its factor is not exact in float32")
    return np.asarray(best, np.int64)
