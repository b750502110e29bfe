"""Write an integer network as an OpenVINO graph: int8 weights, and a FakeQuantize behind each layer on codes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from edgefrac.models.layers import IMAGE, Addition, Convolution, MaxPooling
from edgefrac.quantization.exact_plan import HIGHEST, LOWEST
from edgefrac.quantization.integers import IntegerConvolution, IntegerLayer, IntegerNetwork
from edgefrac.targets.openvino_import import ov

from openvino import opset13 as ops  # isort: skip  # after the import above, which keeps telemetry out

_LEVELS = HIGHEST - LOWEST + 1


def integer_model(network: IntegerNetwork, size: int) -> ov.Model:
    """From ``image`` uint8 [1, S, S, 1] to ``probability`` [1, K] and ``evidence`` [1, h, w, K], float32."""
    image = ops.parameter([1, size, size, 1], np.uint8, name=IMAGE)
    pixels = ops.convert(ops.reshape(image, np.array([1, 1, size, size], np.int64), False), "f32")
    centred = ops.subtract(pixels, np.float32(128))
    values: dict[str, Any] = {IMAGE: ops.multiply(centred, np.float32(network.grids[IMAGE].scale))}
    branches, joined = _branches(network)
    for layer in network.layers:
        sources = [_read(network, name, layer, values[name]) for name in layer.sources]
        if isinstance(layer, MaxPooling):
            made = _pooling(layer, sources[0])
        else:
            if not isinstance(layer, Addition):
                result = _convolution(network, layer, sources[0])
            elif layer.name == network.output and joined:
                result = _joined(sources)
            else:
                result = ops.add(*sources)
            made = (
                _cut(network, layer, result) if layer.name in network.floats else _on_grid(network, layer.name, result)
            )
        if layer.name in branches:
            made = ops.max_pool(made, [1, 1], [1, 1], [0, 0], [0, 0], [1, 1]).output(0)
        values[layer.name] = made
    cells = values[network.output]
    if network.refinement > 1:
        cells = ops.depth_to_space(cells, "blocks_first", network.refinement)
    evidence = ops.transpose(cells, np.array([0, 2, 3, 1], np.int64))
    mean = ops.reduce_mean(evidence, np.array([1, 2], np.int64), keep_dims=False)
    probability = ops.sigmoid(ops.add(ops.multiply(mean, network.gain[None]), network.offset[None]))
    outputs = []
    for name, node in (("probability", probability), ("evidence", evidence)):
        node.set_friendly_name(name)
        node.output(0).set_names({name})
        outputs.append(node)
    image.output(0).set_names({IMAGE})
    return ov.Model(outputs, [image], "edgefrac")


def _branches(network: IntegerNetwork) -> tuple[set[str], set[str]]:
    """Convolutions whose results are only added to something; and those that add up to the evidence map.

    OpenVINO would compute such a pair at once and leave out the rounding in between. A maximum over a single value is
    not fused, and costs less than giving the values out.
    """
    readers = Counter(source for layer in network.layers for source in layer.sources)
    convolutions = {layer.name for layer in network.layers if isinstance(layer, IntegerConvolution)}
    added = {source for layer in network.layers if isinstance(layer, Addition) for source in layer.sources}
    branches = {name for name in convolutions & added if readers[name] == 1}
    last = network.layers[-1]
    joined = set(last.sources) if isinstance(last, Addition) and branches.issuperset(last.sources) else set()
    return branches - joined, joined


def _joined(sources: list[Any]) -> Any:
    """The sum of two branches, by a kernel of ones: OpenVINO would add them in float32."""
    channels = sources[0].get_output_shape(0)[1]
    ones = np.concatenate([np.eye(channels, dtype=np.int8)] * 2, axis=1)[:, :, None, None]
    kernel = ops.multiply(ops.convert(ops.constant(ones), "f32"), np.ones((channels, 1, 1, 1), np.float32))
    return ops.convolution(ops.concat(sources, 1), kernel, [1, 1], [0, 0], [0, 0], [1, 1])


def _convolution(network: IntegerNetwork, layer: IntegerConvolution | Convolution, source: Any) -> Any:
    grouped = layer.groups > 1
    shape = (layer.groups, -1) if grouped else (-1,)  # [groups, O/groups, I/groups, kh, kw], or without groups
    kernels = layer.weight.reshape(*shape, *layer.weight.shape[1:])
    if isinstance(layer, Convolution):
        weight, bias = ops.constant(kernels), layer.bias.astype(np.float32)
    else:
        scale = network.weight_scale(layer)
        weight = ops.multiply(ops.convert(ops.constant(kernels), "f32"), scale.reshape(*shape, 1, 1, 1))
        bias = (layer.bias.astype(np.float64) * scale * network.grids[layer.source].scale).astype(np.float32)
    make = ops.group_convolution if grouped else ops.convolution
    around = [layer.padding] * 2
    result = make(source, weight, [layer.stride] * 2, around, around, [1, 1])
    return ops.add(result, bias.reshape(1, -1, 1, 1))


def _pooling(layer: MaxPooling, source: Any) -> Any:
    around = [layer.padding] * 2
    return ops.max_pool(source, [layer.stride] * 2, [1, 1], around, around, [layer.kernel] * 2).output(0)


def _read(network: IntegerNetwork, name: str, reader: IntegerLayer, value: Any) -> Any:
    """A float32 value is rounded where a layer on codes reads it."""
    rounds = name in network.floats and reader.name not in network.floats
    return _on_grid(network, name, value) if rounds else value


def _cut(network: IntegerNetwork, layer: IntegerLayer, values: Any) -> Any:
    """What the activation of a layer in float32 leaves; of codes the grid cuts it off."""
    low, high = network.cut(layer)
    if not np.isfinite(low):
        return values
    return ops.clamp(values, low, high) if np.isfinite(high) else ops.relu(values)


def _on_grid(network: IntegerNetwork, name: str, values: Any) -> Any:
    grid = network.grids[name]
    low, high = (np.float32((code - grid.zero_point) * grid.scale) for code in (LOWEST, HIGHEST))
    return ops.fake_quantize(values, low, high, low, high, _LEVELS)
