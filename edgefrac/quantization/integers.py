"""The integers that every file computes with, and what they compute: the definition of the int8 network.

All arithmetic is on whole numbers: convolution and bias in int32, times a whole factor of 2⁻¹⁵, rounded half to even,
zero point added, cut off at int8. It is carried out in float64, which holds every value exactly. Layers that a plan
keeps in float32 are computed in float64 too, and may differ from a runtime's in the last digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf, isqrt
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


# a plain Convolution is one that a plan keeps in float32, its weight and bias in units of files
IntegerLayer = IntegerConvolution | Convolution | Addition | MaxPooling


@dataclass(frozen=True)
class IntegerNetwork:
    """Layers in order, and the grid of each value; an image's codes are its pixels less 128.

    Layers in ``floats`` give float32 values, in units of files: a code's worth is the scale of its grid. Behind the
    evidence map follow float32: probability [K] = sigmoid(mean of the map times ``gain`` plus ``offset``).
    """

    layers: tuple[IntegerLayer, ...]
    grids: dict[str, Grid]
    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    floats: frozenset[str] = frozenset()

    @property
    def output(self) -> str:
        """The evidence map's name."""
        return self.layers[-1].name

    @property
    def refinement(self) -> int:
        """How many times finer than the last convolution's cells the evidence map is laid out."""
        last = next(layer for layer in reversed(self.layers) if isinstance(layer, (IntegerConvolution, Convolution)))
        return isqrt(len(last.bias) // len(self.gain))

    def weight_scale(self, layer: IntegerConvolution) -> NDArray[np.float32]:
        """Scale [O] that files state for the weights: float32(source · weights / result) is then the exact factor."""
        exponent = self.grids[layer.name].exponent - self.grids[layer.source].exponent - FACTOR_BITS
        return np.ldexp(layer.factor.astype(np.float32), exponent)

    def cut(self, layer: IntegerLayer) -> tuple[float, float]:
        """What the activation of one of ``floats`` cuts off at, in units of files; infinite where it does not."""
        activation = getattr(layer, "activation", "none")
        grid = self.grids[layer.name]
        return -inf if activation == "none" else 0.0, 6 * grid.scale / grid.step if activation == "relu6" else inf

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
        """Codes int64 [C, h, w] of the evidence map, and of the values in ``keep``, for a network input [S, S].

        Values of layers in ``floats`` are float64, in units of files.
        """
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
        values = self._as_float(self.output, self.run(image)[self.output])
        r, (_, height, width) = self.refinement, values.shape
        apart = values.reshape(r, r, -1, height, width).transpose(3, 0, 4, 1, 2)  # as head.depth_to_space
        return np.asarray(apart.reshape(r * height, r * width, -1), np.float32)

    def _scaled(self, accumulator: NDArray[np.float64], factor: NDArray[np.int64]) -> NDArray[np.float64]:
        """Whole numbers [O, h, w] times their channel's factor, rounded half to even."""
        return np.asarray(np.rint(accumulator * factor[:, None, None].astype(np.float64) / 2**FACTOR_BITS))

    def _as_float(self, name: str, values: NDArray[Any]) -> NDArray[np.float64]:
        """A value in units of files."""
        if name in self.floats:
            return np.asarray(values, np.float64)
        grid = self.grids[name]
        return np.asarray((values - grid.zero_point) * grid.scale)

    def _plain(self, name: str, values: NDArray[Any]) -> Codes:
        """A value as codes less their zero point, rounded now where its layer is one of ``floats``."""
        grid = self.grids[name]
        if name not in self.floats:
            return values - grid.zero_point
        low, high = LOWEST - grid.zero_point, HIGHEST - grid.zero_point
        return np.asarray(np.clip(np.rint(values / grid.scale), low, high), np.int64)

    def _computed(self, layer: IntegerLayer, values: dict[str, Codes]) -> NDArray[Any]:
        in_float = layer.name in self.floats
        read = self._as_float if in_float else self._plain
        result = _combined(layer, [read(name, values[name]) for name in layer.sources])
        if in_float:
            return np.asarray(np.clip(result, *self.cut(layer)))
        if isinstance(layer, IntegerConvolution):
            result = self._scaled(result, layer.factor)
        return np.asarray(np.clip(result + self.grids[layer.name].zero_point, LOWEST, HIGHEST), np.int64)


def to_integers(
    graph: LayerGraph, plan: ExactPlan, gain: NDArray[np.float32], offset: NDArray[np.float32]
) -> IntegerNetwork:
    """Carry out ``plan``; raises ConversionError if it was made for another network or integers do not fit."""
    names = {layer.name for layer in graph.layers}
    widths = {layer.name: len(layer.weight) for layer in graph.convolutions()}
    sources = {layer.name: layer.source for layer in graph.convolutions()}
    found = {name: len(factors) for name, factors in plan.factors.items()}
    foreign = set(plan.grids) != {IMAGE, *names} or found != widths or plan.sources != sources
    if foreign or not names.issuperset(plan.floats):
        raise ConversionError("the plan was made for another network", hint="make a new one with --calibration DIR")
    layers: list[IntegerLayer] = []
    for layer in graph.layers:
        if not isinstance(layer, Convolution):
            layers.append(layer)
            continue
        if layer is graph.convolutions()[-1] and plan.evidence_shift:  # it gives the map, or what is added to it
            shift = np.tile(plan.evidence_shift, len(layer.bias) // len(plan.evidence_shift))
            layer = replace(layer, bias=layer.bias - shift)
        make = _float_convolution if layer.name in plan.floats else _integer_convolution
        layers.append(make(layer, plan))
    return IntegerNetwork(tuple(layers), dict(plan.grids), gain, offset, frozenset(plan.floats))


def _float_convolution(layer: Convolution, plan: ExactPlan) -> Convolution:
    """Values of the network are worth step over scale of their grids in a file, so weights and bias are, too."""
    before, after = plan.grids[layer.source], plan.grids[layer.name]
    worth = after.scale / after.step
    weight = np.asarray(layer.weight * (worth * before.step / before.scale), np.float32)
    return replace(layer, weight=weight, bias=(layer.bias * worth).astype(np.float32).astype(np.float64))


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


def _combined(layer: IntegerLayer, sources: list[NDArray[Any]]) -> NDArray[Any]:
    """What a layer computes of plain values, before anything is scaled or cut off."""
    if isinstance(layer, Addition):
        return np.asarray(sources[0] + sources[1])
    if isinstance(layer, MaxPooling):
        return np.asarray(_windows(sources[0], layer.kernel, layer.stride, layer.padding).max(axis=(3, 4)))
    return np.asarray(_convolve(sources[0], layer) + layer.bias[:, None, None])


def _convolve(values: NDArray[Any], layer: IntegerConvolution | Convolution) -> NDArray[np.float64]:
    """[I, h, w] -> [O, h', w'], exact: all sums are far below 2⁵³."""
    kernel = layer.weight.shape[-1]
    windows = _windows(values, kernel, layer.stride, layer.padding)  # [I, h', w', kh, kw]
    weight = layer.weight.astype(np.float64)
    if layer.groups == len(values) == len(weight):
        return np.asarray(np.einsum("chwij,cij->chw", windows, weight[:, 0], optimize=True))
    height, width = windows.shape[1:3]
    columns = windows.transpose(0, 3, 4, 1, 2).reshape(layer.groups, -1, height * width)
    return np.asarray((weight.reshape(layer.groups, -1, columns.shape[1]) @ columns).reshape(-1, height, width))


def _windows(values: NDArray[Any], kernel: int, stride: int, padding: int) -> NDArray[np.float64]:
    padded = np.pad(values.astype(np.float64), ((0, 0), (padding, padding), (padding, padding)))
    return sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
