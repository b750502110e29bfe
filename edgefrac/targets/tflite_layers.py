"""Read the convolutions back from a TFLite file: weights, biases and ranges as they are in it, in plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgefrac.quantization.ranges import Range
from edgefrac.targets.layers import Floats, Layer
from edgefrac.targets.tflite_graph import Model, operator_name, read_graph

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT32: np.int32,
}


def layers(data: bytes, ranges: Mapping[int, Range] | None = None) -> tuple[Layer, ...]:
    """The convolutions of a file that was made here, in order of execution.

    The output range of each is that which int8 can express, or ``ranges`` by tensor index where given.
    """
    model = read_graph(data)
    graph = model.subgraphs[0]
    maker = {int(index): operator for operator in graph.operators for index in operator.outputs}
    found: list[Layer] = []
    for operator in graph.operators:
        name = operator_name(model, operator)
        if name not in CONVOLUTIONS:
            continue
        weight, step = _constant(model, maker, int(operator.inputs[1]))
        has_bias = len(operator.inputs) > 2 and operator.inputs[2] >= 0
        bias = _constant(model, maker, int(operator.inputs[2]))[0] if has_bias else np.zeros(1)
        if name == "DEPTHWISE_CONV_2D":  # [1, kh, kw, O], where CONV_2D is [O, kh, kw, I]
            weight = np.moveaxis(weight, -1, 0)
        channels, result = len(weight), int(operator.outputs[0])
        side = "x".join(str(n) for n in graph.tensors[result].shape[1:])
        found.append(
            Layer(
                name=f"{name} {len(found) + 1} ({side})",
                weight=weight.reshape(channels, -1),
                bias=np.broadcast_to(bias.ravel(), channels),
                step=np.broadcast_to(step if step.size else np.zeros(1), channels),
                scales=step.size,
                output=ranges.get(result) if ranges is not None else _expressible(graph.tensors[result]),
            )
        )
    return tuple(found)


def _constant(model: Model, maker: Mapping[int, Any], index: int) -> tuple[Floats, Floats]:
    """Values of a constant, and its scales (empty where it is float); float16 ones lie behind a DEQUANTIZE."""
    graph = model.subgraphs[0]
    tensor = graph.tensors[int(maker[index].inputs[0]) if index in maker else index]
    raw = bytes(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes())
    values: Floats = np.frombuffer(raw, _DTYPES[tensor.type]).reshape(tensor.shape).astype(np.float64)
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or len(quantization.scale) == 0:
        return values, np.empty(0)
    scale = np.asarray(quantization.scale, np.float64)
    shape = np.ones(values.ndim, int)
    shape[quantization.quantizedDimension if scale.size > 1 else 0] = scale.size
    return values * scale.reshape(shape), scale


def _expressible(tensor: Any) -> Range | None:
    if tensor.type != schema.TensorType.INT8:
        return None
    scale, zero = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
    return (-128 - zero) * scale, (127 - zero) * scale
