"""The integers that every file computes with, and what they compute: the definition of the int8 network.

All arithmetic is on whole numbers: convolution and bias in int32, times a whole factor of 2⁻¹⁵, rounded half to even,
zero point added, cut off at int8. It is carried out in float64, which holds every value exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgefrac.errors import ConversionError
from edgefrac.models.layers import IMAGE, Addition, Convolution, LayerGraph, MaxPooling
from edgefrac.quantization.exact_plan import FACTOR_BITS, HIGHEST, LOWEST, ExactPlan, Grid
from edgefrac.quantization.rounding import round_kernels

Codes = NDArray[np.int64]
_EXACT = 2.0**24  # whole numbers up to here are exact in float32
_MOST = 2**31


@dataclass(frozen=True)
class IntegerConvolution:
    """``weight`` int8 [O, I/groups, kh, kw], ``bias`` int32 [O], ``factor`` int64 [O] in units of 2⁻¹⁵."""

    name: str
    source: str
    weight: NDArray[np.int8]
    bias: NDArray[np.int32]
    factor: NDArray[np.int64]
    stride: int
    padding: int
    groups: int

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the values that are read."""
        return (self.source,)


IntegerLayer = IntegerConvolution | Addition | MaxPooling


@dataclass(frozen=True)
class IntegerNetwork:
    """Layers in order, and the grid of each value; an image's codes are its pixels less 128.

    Behind the evidence map follow float32: probability [K] = sigmoid(mean of the map times ``gain`` plus ``offset``).
    """

    layers: tuple[IntegerLayer, ...]
    grids: dict[str, Grid]
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]

    @property
    def output(self) -> str:
        """The evidence map's name."""
        return self.layers[-1].name

    def weight_scale(self, layer: IntegerConvolution) -> NDArray[np.float32]:
        """Scale [O] that files state for the weights: float32(source · weights / result) is then the exact factor."""
        exponent = self.grids[layer.name].exponent - self.grids[layer.source].exponent - FACTOR_BITS
        return np.ldexp(layer.factor.astype(np.float32), exponent)

    def sides(self, size: int) -> dict[str, int]:
        """Height and width of each value, by name, for an image of ``size`` pixels a side."""
        sides = {IMAGE: size}
        for layer in self.layers:
            before = sides[layer.sources[0]]
            if isinstance(layer, Addition):
                sides[layer.name] = before
            else:
                kernel = layer.kernel if isinstance(layer, MaxPooling) else layer.weight.shape[-1]
                sides[layer.name] = (before + 2 * layer.padding - kernel) // layer.stride + 1
        return sides

    def run(self, image: NDArray[np.uint8], keep: Iterable[str] = ()) -> dict[str, Codes]:
        """Codes int64 [C, h, w] of the evidence map, and of the values in ``keep``, for a network input [S, S]."""
        wanted = {self.output, *keep}
        last_use = {source: number for number, layer in enumerate(self.layers) for source in layer.sources}
        codes: dict[str, Codes] = {IMAGE: image.astype(np.int64)[None] - 128}
        for number, layer in enumerate(self.layers):
            codes[layer.name] = self._computed(layer, codes)
            for name in layer.sources:
                if last_use[name] == number and name not in wanted:
                    codes.pop(name, None)
        return {name: codes[name] for name in wanted}

    def evidence(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The evidence map float32 [h, w, K] of a network input uint8 [S, S], in log-odds."""
        codes = self.run(image)[self.output]
        return np.asarray(np.moveaxis(codes, 0, -1) * np.float32(self.grids[self.output].scale), np.float32)

    def _scaled(self, accumulator: NDArray[np.float64], factor: NDArray[np.int64]) -> NDArray[np.float64]:
        """Whole numbers [O, h, w] times their channel's factor, rounded half to even."""
        return np.asarray(np.rint(accumulator * factor[:, None, None].astype(np.float64) / 2**FACTOR_BITS))

    def _computed(self, layer: IntegerLayer, codes: dict[str, Codes]) -> Codes:
        zero = self.grids[layer.name].zero_point
        plain = [codes[name] - self.grids[name].zero_point for name in layer.sources]
        result: NDArray[Any]
        if isinstance(layer, IntegerConvolution):
            result = self._scaled(_convolve(plain[0], layer) + layer.bias[:, None, None], layer.factor)
        elif isinstance(layer, Addition):
            result = plain[0] + plain[1]
        else:
            result = _windows(plain[0], layer.kernel, layer.stride, layer.padding).max(axis=(3, 4))
        return np.asarray(np.clip(result + zero, LOWEST, HIGHEST), np.int64)


def to_integers(
    graph: LayerGraph, plan: ExactPlan, gain: NDArray[np.float32], offset: NDArray[np.float32]
) -> IntegerNetwork:
    """Carry out ``plan``; raises ConversionError if it was made for another network or integers do not fit."""
    names = {layer.name for layer in graph.layers}
    widths = {layer.name: len(layer.weight) for layer in graph.convolutions()}
    sources = {layer.name: layer.source for layer in graph.convolutions()}
    found = {name: len(factors) for name, factors in plan.factors.items()}
    if set(plan.grids) != {IMAGE, *names} or found != widths or plan.sources != sources:
        raise ConversionError("the plan was made for another network", hint="make a new one with --calibration DIR")
    layers: list[IntegerLayer] = []
    for layer in graph.layers:
        if not isinstance(layer, Convolution):
            layers.append(layer)
            continue
        if layer.name == graph.output and plan.evidence_shift:
            layer = replace(layer, bias=layer.bias - np.asarray(plan.evidence_shift))
        layers.append(_integer_convolution(layer, plan))
    return IntegerNetwork(tuple(layers), dict(plan.grids), gain, offset)


def _integer_convolution(layer: Convolution, plan: ExactPlan) -> IntegerConvolution:
    factor = np.array(plan.factors[layer.name], np.int64)
    step = plan.weight_steps(layer.name)
    kernels = layer.weight.reshape(len(factor), -1)
    codes = np.rint(round_kernels(kernels, step.astype(np.float32)) / step[:, None])
    bias = np.rint(layer.bias / (step * plan.grids[layer.source].step))
    _require_exact(layer.name, codes, bias, factor)
    return IntegerConvolution(
        layer.name,
        layer.source,
        codes.astype(np.int8).reshape(layer.weight.shape),
        bias.astype(np.int32),
        factor,
        layer.stride,
        layer.padding,
        layer.groups,
    )


def _require_exact(name: str, codes: NDArray[np.float64], bias: NDArray[np.float64], factor: NDArray[np.int64]) -> None:
    """Sums must fit int32; and sum and bias, each times the factor, must be exact in float32 or beyond every code.

    A result that is not cut off is below 2⁸ codes. Where the bias is below 2⁸ codes too, the sum without it is below
    2⁹, and 2⁹ · 2¹⁵ is what float32 holds; each power of two in the factor doubles that.
    """
    largest = np.abs(codes).sum(axis=1) * 255
    if (largest + np.abs(bias)).max() >= _MOST:
        raise ConversionError(f"{name}: sums of this layer can leave int32")
    held = _EXACT * (factor & -factor)
    exact = np.abs(bias) * factor <= held / 2
    exact |= (largest + np.abs(bias)) * factor < held
    if not exact.all():
        raise ConversionError(
            f"{name}: the bias of {int((~exact).sum())} channels is beyond twice the range of its result, so runtimes "
            "would round it differently",
            hint="--quantizer native quantizes for each format on its own",
        )


def _convolve(values: Codes, layer: IntegerConvolution) -> NDArray[np.float64]:
    """[I, h, w] -> [O, h', w'], exact: all sums are far below 2⁵³."""
    kernel = layer.weight.shape[-1]
    windows = _windows(values, kernel, layer.stride, layer.padding)  # [I, h', w', kh, kw]
    weight = layer.weight.astype(np.float64)
    if layer.groups == len(values) == len(weight):
        return np.asarray(np.einsum("chwij,cij->chw", windows, weight[:, 0], optimize=True))
    height, width = windows.shape[1:3]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(layer.groups, -1, height * width)
    return np.asarray((weight.reshape(layer.groups, -1, columns.shape[1]) @ columns).reshape(-1, height, width))


def _windows(values: Codes, kernel: int, stride: int, padding: int) -> NDArray[np.float64]:
    padded = np.pad(values.astype(np.float64), ((0, 0), (padding, padding), (padding, padding)))
    return sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
