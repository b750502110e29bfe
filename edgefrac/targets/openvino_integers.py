"""Write an integer network as an OpenVINO graph: int8 weights, and a FakeQuantize behind each layer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from edgefrac.models.layers import IMAGE, Addition, MaxPooling
from edgefrac.quantization.exact_plan import HIGHEST, LOWEST
from edgefrac.quantization.integers import IntegerConvolution, IntegerNetwork
from edgefrac.targets.openvino_import import ov

from openvino import opset13 as ops  # isort: skip  # after the import above, which keeps telemetry out

_LEVELS = HIGHEST - LOWEST + 1


def integer_model(network: IntegerNetwork, size: int) -> ov.Model:
    """From ``image`` uint8 [1, S, S, 1] to ``probability`` [1, K] and ``evidence`` [1, h, w, K], float32."""
    image = ops.parameter([1, size, size, 1], np.uint8, name=IMAGE)
    pixels = ops.convert(ops.reshape(image, np.array([1, 1, size, size], np.int64), False), "f32")
    centred = ops.subtract(pixels, np.float32(128))
    values: dict[str, Any] = {IMAGE: ops.multiply(centred, np.float32(network.grids[IMAGE].scale))}
    branches = _branches(network)
    for layer in network.layers:
        sources = [values[name] for name in layer.sources]
        if isinstance(layer, IntegerConvolution):
            made = _rounded(network, layer.name, _convolution(network, layer, sources[0]))
        elif isinstance(layer, Addition):
            made = _rounded(network, layer.name, ops.add(*sources))
        else:
            made = _pooling(layer, sources[0])
        if layer.name in branches:
            made = ops.max_pool(made, [1, 1], [1, 1], [0, 0], [0, 0], [1, 1]).output(0)
        values[layer.name] = made
    evidence = ops.transpose(values[network.output], np.array([0, 2, 3, 1], np.int64))
    mean = ops.reduce_mean(evidence, np.array([1, 2], np.int64), keep_dims=False)
    probability = ops.sigmoid(ops.add(ops.multiply(mean, network.gain[None]), network.offset[None]))
    outputs = []
    for name, node in (("probability", probability), ("evidence", evidence)):
        node.set_friendly_name(name)
        node.output(0).set_names({name})
        outputs.append(node)
    image.output(0).set_names({IMAGE})
    return ov.Model(outputs, [image], "edgefrac")


def _branches(network: IntegerNetwork) -> set[str]:
    """Convolutions whose results are only added to something.

    OpenVINO would compute such a pair at once and leave out the rounding in between. A maximum over a single value is
    not fused, and costs less than giving the values out.
    """
    readers = Counter(source for layer in network.layers for source in layer.sources)
    convolutions = {layer.name for layer in network.layers if isinstance(layer, IntegerConvolution)}
    added = {source for layer in network.layers if isinstance(layer, Addition) for source in layer.sources}
    return {name for name in convolutions & added if readers[name] == 1}


def _convolution(network: IntegerNetwork, layer: IntegerConvolution, source: Any) -> Any:
    scale = network.weight_scale(layer)
    grouped = layer.groups > 1
    kernels = (layer.groups, -1) if grouped else (-1,)  # [groups, O/groups, I/groups, kh, kw], or without groups
    codes = layer.weight.reshape(*kernels, *layer.weight.shape[1:])
    weight = ops.multiply(ops.convert(ops.constant(codes), "f32"), scale.reshape(*kernels, 1, 1, 1))
    make = ops.group_convolution if grouped else ops.convolution
    around = [layer.padding] * 2
    result = make(source, weight, [layer.stride] * 2, around, around, [1, 1])
    bias = layer.bias.astype(np.float64) * scale * network.grids[layer.source].scale
    return ops.add(result, bias.astype(np.float32).reshape(1, -1, 1, 1))


def _pooling(layer: MaxPooling, source: Any) -> Any:
    around = [layer.padding] * 2
    return ops.max_pool(source, [layer.stride] * 2, [1, 1], around, around, [layer.kernel] * 2).output(0)


def _rounded(network: IntegerNetwork, name: str, values: Any) -> Any:
    grid = network.grids[name]
    low, high = (np.float32((code - grid.zero_point) * grid.scale) for code in (LOWEST, HIGHEST))
    return ops.fake_quantize(values, low, high, low, high, _LEVELS)
