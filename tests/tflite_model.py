"""A tiny TFLite file, built operator by operator, whose outputs can be worked out by hand.

image uint8 [1, S, S, 1] -> float -> (x - 128) / 128 -> 4x4 average pool = evidence map; its mean plus the bias,
through the logistic function = probability.
"""

from __future__ import annotations

from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edgefrac.contract import Contract, Input, Output, Task, TrainingData
from edgefrac.targets.tflite_metadata import DIGEST_BYTES, DIGEST_KEY, seal

SIZE = 32
CELL = 4
BIAS = -0.25
TEMPERATURE = 1.0
CELLS = SIZE // CELL


def contract(*, seen: str = "", threshold: float = 0.5) -> Contract:
    """What the tiny file promises."""
    return Contract(
        name="tiny",
        version="0",
        source_commit="0000000",
        checkpoint_sha256="0" * 64,
        architecture="pooling",
        precision="fp32",
        input=Input(shape=(1, SIZE, SIZE, 1)),
        outputs=(
            Output(name="evidence", shape=(1, CELLS, CELLS, 1), index=0),
            Output(name="probability", shape=(1, 1), index=1),
        ),
        tasks=(
            Task(
                name="fracture",
                kind="binary",
                classes=("no fracture", "fracture"),
                bias=(BIAS,),
                temperature=TEMPERATURE,
                threshold=threshold,
                threshold_rule="fixed in the test",
            ),
        ),
        training_data=TrainingData(names=("none",), licence="CC0-1.0", attribution="nobody", seen=seen),
    )


def expected(network_input: np.ndarray) -> tuple[float, np.ndarray]:
    """(probability, evidence [h, w]) in float64, from the formula in the module docstring."""
    x = (network_input.astype(np.float64) - 128) / 128
    evidence = x.reshape(CELLS, CELL, CELLS, CELL).mean(axis=(1, 3))
    return float(1 / (1 + np.exp(-(evidence.mean() + BIAS) / TEMPERATURE))), evidence


def build(with_contract: Contract | None, also: Callable[[Graph], None] = lambda graph: None) -> bytes:
    """The file's bytes; ``None`` leaves the contract out; ``also`` adds operators that nobody asked for."""
    graph = Graph()
    image = graph.tensor("image", (1, SIZE, SIZE, 1), schema.TensorType.UINT8)
    floating = graph.tensor("float", (1, SIZE, SIZE, 1))
    centred = graph.tensor("centred", (1, SIZE, SIZE, 1))
    scaled = graph.tensor("scaled", (1, SIZE, SIZE, 1))
    evidence = graph.tensor("evidence", (1, CELLS, CELLS, 1))
    mean = graph.tensor("mean", (1, 1))
    logit = graph.tensor("logit", (1, 1))
    probability = graph.tensor("probability", (1, 1))
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = schema.TensorType.UINT8, schema.TensorType.FLOAT32
    pool = schema.Pool2DOptionsT()
    pool.padding = schema.Padding.VALID
    pool.strideH = pool.strideW = pool.filterHeight = pool.filterWidth = CELL
    graph.operator("CAST", [image], floating, cast)
    graph.operator("SUB", [floating, graph.constant(np.float32(128))], centred, schema.SubOptionsT())
    graph.operator("MUL", [centred, graph.constant(np.float32(1 / 128))], scaled, schema.MulOptionsT())
    graph.operator("AVERAGE_POOL_2D", [scaled], evidence, pool)
    graph.operator("MEAN", [evidence, graph.constant(np.array([1, 2], np.int32))], mean, schema.ReducerOptionsT())
    graph.operator("ADD", [mean, graph.constant(np.float32(BIAS))], logit, schema.AddOptionsT())
    graph.operator("LOGISTIC", [logit], probability)
    also(graph)
    return graph.pack([image], [evidence, probability], with_contract)


class Graph:
    """Collects tensors and operators in flatbuffers' object form."""

    def __init__(self) -> None:
        self._tensors: list[schema.TensorT] = []
        self._buffers = [schema.BufferT()]  # buffer 0 is empty by convention
        self._codes: list[schema.OperatorCodeT] = []
        self._operators: list[schema.OperatorT] = []
        self._others: list[schema.SubGraphT] = []

    def tensor(self, name: str, shape: tuple[int, ...], dtype: int = schema.TensorType.FLOAT32, buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), dtype, buffer
        self._tensors.append(tensor)
        return len(self._tensors) - 1

    def constant(self, value: np.ndarray | np.float32) -> int:
        array = np.asarray(value)
        return self.tensor("constant", array.shape, _DTYPES[array.dtype.name], self._buffer(array.tobytes()))

    def beside(self, build: Callable[[Graph], tuple[list[int], list[int]]]) -> int:
        """Add a subgraph, of which ``build`` gives inputs and outputs; its number."""
        side = Graph()
        side._buffers, side._codes = self._buffers, self._codes
        inputs, outputs = build(side)
        self._others.append(_subgraph(side._tensors, side._operators, inputs, outputs))
        return len(self._others)

    def operator(self, name: str, inputs: list[int], output: int, options: object = None) -> None:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        self._codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self._codes) - 1, inputs, [output]
        if options is not None:
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType, operator.builtinOptions = getattr(schema.BuiltinOptions, kind), options
        self._operators.append(operator)

    def pack(self, inputs: list[int], outputs: list[int], with_contract: Contract | None) -> bytes:
        subgraphs = [_subgraph(self._tensors, self._operators, inputs, outputs), *self._others]
        model = schema.ModelT()
        model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, subgraphs, self._codes, self._buffers
        if with_contract is not None:
            metadata = schema.MetadataT()
            metadata.name, metadata.buffer = "edgefrac.contract", self._buffer(with_contract.to_json().encode())
            digest = schema.MetadataT()
            digest.name, digest.buffer = DIGEST_KEY, self._buffer(bytes(DIGEST_BYTES))
            model.metadata = [metadata, digest]
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        packed = bytes(builder.Output())
        return seal(packed) if with_contract is not None else packed

    def _buffer(self, data: bytes) -> int:
        buffer = schema.BufferT()
        buffer.data = list(data)
        self._buffers.append(buffer)
        return len(self._buffers) - 1


_DTYPES = {
    "int32": schema.TensorType.INT32,
    "float32": schema.TensorType.FLOAT32,
    "bool": schema.TensorType.BOOL,
}


def _subgraph(
    tensors: list[schema.TensorT], operators: list[schema.OperatorT], inputs: list[int], outputs: list[int]
) -> schema.SubGraphT:
    subgraph = schema.SubGraphT()
    subgraph.tensors, subgraph.operators, subgraph.inputs, subgraph.outputs = tensors, operators, inputs, outputs
    return subgraph
