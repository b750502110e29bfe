"""Edits of a TFLite graph that no converter offers: uint8 input, short names, metadata, deterministic bytes."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from edgefrac.contract import Contract
from edgefrac.targets.tflite_metadata import (
    CONTRACT_KEY,
    DIGEST_BYTES,
    DIGEST_KEY,
    STANDARD_KEY,
    append_labels,
    seal,
    standard_metadata,
)

Model = Any  # schema.ModelT, generated without types
_OPERATOR_NAMES: dict[int, str] = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
_TYPE_NAMES: dict[int, str] = {
    value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)
}
_SCALE, _ZERO_POINT = 1 / 128, 128


class _AlignedBuffer(schema.BufferT):  # type: ignore[misc]
    """The schema asks for 16-byte alignment of tensor data, which the generated Python packer does not give."""

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802 - its generated base names it so
        if self.data is not None:
            raw = bytes(np.asarray(self.data, dtype=np.uint8).tobytes())
            builder.StartVector(1, len(raw), 16)
            builder.head = builder.Head() - len(raw)
            builder.Bytes[builder.Head() : builder.Head() + len(raw)] = raw
            data = builder.EndVector()
        schema.BufferStart(builder)
        if self.data is not None:
            schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


def read_graph(data: bytes) -> Model:
    """Parse a file that was verified or made here."""
    return flatbuffer_utils.read_model_from_bytearray(bytearray(data))


def operator_name(model: Model, operator: Any) -> str:
    """Builtin name of an operator, for example CONV_2D."""
    code = model.operatorCodes[operator.opcodeIndex]
    return _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]


def tensor_type(tensor: Any) -> str:
    """Element type of a tensor in lower case, for example int8."""
    return _TYPE_NAMES[tensor.type]


def finish(data: bytes, contract: Contract) -> bytes:
    """Give a converted graph its uint8 input, short names, contract and standard metadata."""
    model = read_graph(data)
    _shorten_names(model, contract)
    _take_uint8(model, contract)
    _join_depth_to_space(model)
    model.description = f"{contract.name} {contract.version}"
    model.metadata = [m for m in model.metadata or [] if m.name not in (b"CONVERSION_METADATA",)]
    _add_metadata(model, CONTRACT_KEY, contract.to_json().encode())
    _add_metadata(model, STANDARD_KEY, standard_metadata(contract))
    _add_metadata(model, DIGEST_KEY, bytes(DIGEST_BYTES))
    return seal(append_labels(pack_graph(model), contract))


def pack_graph(model: Model) -> bytes:
    """Serialise with aligned buffers."""
    model.buffers = [_AlignedBuffer(data=buffer.data) for buffer in model.buffers]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _shorten_names(model: Model, contract: Contract) -> None:
    """Converters name tensors by module paths, hundreds of characters each."""
    graph = model.subgraphs[0]
    for number, tensor in enumerate(graph.tensors):
        tensor.name = f"t{number}"
    for output in contract.outputs:
        graph.tensors[graph.outputs[output.index]].name = output.name
    signature = model.signatureDefs[0]
    signature.outputs = [
        schema.TensorMapT(name=output.name, tensorIndex=graph.outputs[output.index]) for output in contract.outputs
    ]


def _take_uint8(model: Model, contract: Contract) -> None:
    """Put one operator in front that turns uint8 pixels into what the graph reads: (x - 128) / 128, exactly.

    A float graph gets DEQUANTIZE, an int8 one QUANTIZE (a change of zero point by 128, the scale stays).
    """
    graph = model.subgraphs[0]
    old = graph.inputs[0]
    image = schema.TensorT(
        shape=list(contract.input.shape),
        type=schema.TensorType.UINT8,
        buffer=0,
        name=contract.input.name,
        quantization=schema.QuantizationParametersT(
            scale=np.array([_SCALE], np.float32), zeroPoint=np.array([_ZERO_POINT], np.int64)
        ),
        hasRank=True,
    )
    graph.tensors.append(image)
    index = len(graph.tensors) - 1
    quantized = graph.tensors[old].type == schema.TensorType.INT8
    name = "QUANTIZE" if quantized else "DEQUANTIZE"
    options = "QuantizeOptions" if quantized else "DequantizeOptions"
    operator = schema.OperatorT(
        opcodeIndex=_opcode(model, getattr(schema.BuiltinOperator, name)),
        inputs=[index],
        outputs=[old],
        builtinOptionsType=getattr(schema.BuiltinOptions, options),
        builtinOptions=getattr(schema, f"{options}T")(),
    )
    graph.operators.insert(0, operator)
    graph.inputs = [index]
    model.signatureDefs[0].inputs[0].tensorIndex = index
    model.signatureDefs[0].inputs[0].name = contract.input.name


def _join_depth_to_space(model: Model) -> None:
    """Make one operator of the three that the converter has for ``models.head.depth_to_space``.

    They pass through tensors of five axes, which no GPU takes. What they were read from stays in the file, unused.
    """
    graph = model.subgraphs[0]
    for number in range(len(graph.operators) - 2):
        three = graph.operators[number : number + 3]
        if factor := _depth_to_space_factor(model, three):
            options = schema.DepthToSpaceOptionsT(blockSize=factor)
            graph.operators[number : number + 3] = [
                schema.OperatorT(
                    opcodeIndex=_opcode(model, schema.BuiltinOperator.DEPTH_TO_SPACE),
                    inputs=[three[0].inputs[0]],
                    outputs=three[2].outputs,
                    builtinOptionsType=schema.BuiltinOptions.DepthToSpaceOptions,
                    builtinOptions=options,
                )
            ]
            return


def _depth_to_space_factor(model: Model, three: list[Any]) -> int:
    """By how much three operators refine a float32 map; 0 for any others."""
    if [operator_name(model, one) for one in three] != ["RESHAPE", "TRANSPOSE", "RESHAPE"]:
        return 0
    graph = model.subgraphs[0]
    steps = [graph.tensors[three[0].inputs[0]], *(graph.tensors[one.outputs[0]] for one in three)]
    order = np.frombuffer(bytes(model.buffers[graph.tensors[three[1].inputs[1]].buffer].data), np.int32)
    if steps[0].type != schema.TensorType.FLOAT32 or len(steps[0].shape) != 4 or list(order) != [0, 2, 1, 3, 4]:
        return 0
    _, height, width, channels = (int(n) for n in steps[0].shape)
    factor = int(steps[3].shape[1]) // height
    apart = [height, width, factor, factor, channels // factor**2]
    joined = [1, factor * height, factor * width, channels // factor**2]
    return factor if [list(steps[1].shape), list(steps[3].shape)] == [apart, joined] else 0


def _opcode(model: Model, builtin: int) -> int:
    for index, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == builtin:
            return index
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=min(builtin, 127), version=2)
    )
    return len(model.operatorCodes) - 1


def _add_metadata(model: Model, name: str, data: bytes) -> None:
    model.buffers.append(schema.BufferT(data=np.frombuffer(data, np.uint8)))
    model.metadata.append(schema.MetadataT(name=name, buffer=len(model.buffers) - 1))
