"""TFLite files of a single ideal operator: a 1×1 convolution, which is a matrix product, and an addition."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgefrac.targets.tflite_graph import pack_graph

_TYPES = {"int8": schema.TensorType.INT8, "float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}


def product(element: str, rows: int, depth: int, columns: int) -> bytes:
    """[rows, depth] times [depth, columns] in ``element``, int8 or float32, written as a 1×1 convolution.

    The int8 one is quantized as exact plans are: a scale for each channel, int32 bias, result in int8.
    """
    rng = np.random.default_rng(0)
    weight = rng.uniform(-1, 1, (columns, 1, 1, depth))
    constants: list[NDArray[Any]] = [weight.astype(np.float32), np.zeros(columns, np.float32)]
    scales: list[Any] = [None] * 4
    if element == "int8":
        constants = [(127 * weight).astype(np.int8), np.zeros(columns, np.int32)]
        # the last so that results of random codes fill their range
        scales = [1 / 64, np.full(columns, 1 / 128), np.full(columns, 1 / 8192), np.sqrt(depth) / 64]
    options = schema.Conv2DOptionsT(padding=schema.Padding.VALID, strideW=1, strideH=1)
    options.dilationWFactor = options.dilationHFactor = 1
    tensors = [
        _tensor((1, rows, 1, depth), element, scales[0]),
        _tensor((columns, 1, 1, depth), element, scales[1], buffer=1),
        _tensor((columns,), str(constants[1].dtype), scales[2], buffer=2),
        _tensor((1, rows, 1, columns), element, scales[3]),
    ]
    return _packed("CONV_2D", 3, tensors, [0], options, constants)


def addition(elements: int) -> bytes:
    """The sum of two float32 vectors: it reads 8 bytes and writes 4 for each element, and computes next to nothing."""
    tensors = [_tensor((1, elements), "float32", None) for _ in range(3)]
    return _packed("ADD", 1, tensors, [0, 1], schema.AddOptionsT(), [])


def _tensor(shape: tuple[int, ...], element: str, scale: Any, buffer: int = 0) -> Any:
    quantization = None
    if scale is not None:
        values = np.atleast_1d(np.asarray(scale, np.float32))
        quantization = schema.QuantizationParametersT(scale=values, zeroPoint=np.zeros(len(values), np.int64))
        quantization.quantizedDimension = 0
    return schema.TensorT(
        shape=list(shape), type=_TYPES[element], buffer=buffer, quantization=quantization, hasRank=True
    )


def _packed(
    name: str, version: int, tensors: list[Any], inputs: list[int], options: Any, constants: list[NDArray[Any]]
) -> bytes:
    """A model whose only operator reads all tensors but the last, which it writes; ``inputs`` are no constants."""
    operator = schema.OperatorT(opcodeIndex=0, inputs=list(range(len(tensors) - 1)), outputs=[len(tensors) - 1])
    operator.builtinOptions = options
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
    builtin = getattr(schema.BuiltinOperator, name)
    graph = schema.SubGraphT(tensors=tensors, operators=[operator], inputs=inputs, outputs=[len(tensors) - 1])
    buffers = [schema.BufferT()] + [schema.BufferT(data=np.frombuffer(c.tobytes(), np.uint8)) for c in constants]
    code = schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=builtin, version=version)
    return pack_graph(schema.ModelT(version=3, subgraphs=[graph], operatorCodes=[code], buffers=buffers, metadata=[]))
