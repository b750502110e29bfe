"""What each layer of a TFLite file has to compute and to move, and the layer alone as a file of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

from ai_edge_litert import schema_py_generated as schema

from edgefrac.targets.tflite_graph import Model, operator_name, pack_graph, tensor_type

Kind = Literal["1×1 convolution", "depthwise convolution", "convolution", "addition", "other"]
KINDS: tuple[Kind, ...] = ("1×1 convolution", "depthwise convolution", "convolution", "addition", "other")
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_BYTES = {"int8": 1, "uint8": 1, "int32": 4, "float32": 4, "float16": 2, "int64": 8}


@dataclass(frozen=True)
class Layer:
    """A convolution with the padding in front of it, which XNNPACK computes as one, or any other single operator.

    ``operators`` are numbers in the file's first subgraph, ``inputs`` and ``outputs`` numbers of its tensors, constants
    left out; ``shape`` is that of the result, NHWC, and ``element`` its element type. Bytes are those of the tensors in
    the file, each counted once.
    """

    operators: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str
    kind: Kind
    element: str
    shape: tuple[int, ...]
    macs: int
    constant_bytes: int
    activation_bytes: int

    @property
    def bytes(self) -> int:
        """All that has to be read or written, if each byte is moved once."""
        return self.constant_bytes + self.activation_bytes

    @property
    def intensity(self) -> float:
        """Multiply-accumulates a byte."""
        return self.macs / self.bytes


def layers(model: Model) -> tuple[Layer, ...]:
    """The layers of a file's first subgraph, in order of execution."""
    return tuple(_layer(model, numbers) for numbers in _grouped(model))


def alone(model: Model, layer: Layer) -> bytes:
    """A TFLite file that computes this layer and nothing else, with its constants, from inputs of its shapes."""
    graph = model.subgraphs[0]
    operators = [graph.operators[n] for n in layer.operators]
    kept = list(dict.fromkeys(int(i) for o in operators for i in (*o.inputs, *o.outputs) if i >= 0))
    number = {old: new for new, old in enumerate(kept)} | {-1: -1}  # -1: an input that is left out
    buffers = [schema.BufferT()]
    tensors = []
    for old in kept:
        tensor = graph.tensors[old]
        if _constant(model, old):
            buffers.append(schema.BufferT(data=model.buffers[tensor.buffer].data))
        tensors.append(_with(tensor, buffer=len(buffers) - 1 if _constant(model, old) else 0))
    cut = schema.SubGraphT(
        tensors=tensors,
        operators=[
            _with(o, inputs=[number[int(i)] for i in o.inputs], outputs=[number[int(i)] for i in o.outputs])
            for o in operators
        ],
        inputs=[number[i] for i in layer.inputs],
        outputs=[number[i] for i in layer.outputs],
    )
    return pack_graph(
        schema.ModelT(version=3, subgraphs=[cut], operatorCodes=model.operatorCodes, buffers=buffers, metadata=[])
    )


def _grouped(model: Model) -> list[tuple[int, ...]]:
    """Numbers of the operators of each layer: a PAD belongs to the convolution that alone reads it."""
    graph = model.subgraphs[0]
    names = [operator_name(model, operator) for operator in graph.operators]
    readers = Counter(int(i) for operator in graph.operators for i in operator.inputs)
    readers.update(int(i) for i in graph.outputs)
    pads = {int(o.outputs[0]): n for n, o in enumerate(graph.operators) if names[n] == "PAD"}
    joined = {
        number: pads[int(operator.inputs[0])]
        for number, operator in enumerate(graph.operators)
        if names[number] in _CONVOLUTIONS and int(operator.inputs[0]) in pads and readers[int(operator.inputs[0])] == 1
    }
    alone = set(range(len(names))) - set(joined) - set(joined.values())
    return sorted([*((n,) for n in alone), *((pad, n) for n, pad in joined.items())], key=lambda group: group[-1])


def _layer(model: Model, numbers: tuple[int, ...]) -> Layer:
    graph = model.subgraphs[0]
    operators = [graph.operators[n] for n in numbers]
    made = {int(i) for operator in operators for i in operator.outputs}
    read = dict.fromkeys(int(i) for operator in operators for i in operator.inputs if i >= 0 and int(i) not in made)
    inputs = tuple(i for i in read if not _constant(model, i))
    outputs = tuple(int(i) for i in operators[-1].outputs)
    result = graph.tensors[outputs[0]]
    return Layer(
        operators=numbers,
        inputs=inputs,
        outputs=outputs,
        name="+".join(operator_name(model, operator) for operator in operators),
        kind=_kind(model, operators[-1]),
        element=tensor_type(result),
        shape=_shape(result),
        macs=_macs(model, operators[-1]),
        constant_bytes=sum(_size(graph.tensors[i]) for i in read if i not in inputs),
        activation_bytes=sum(_size(graph.tensors[i]) for i in (*inputs, *outputs)),
    )


def _macs(model: Model, operator: Any) -> int:
    graph, name = model.subgraphs[0], operator_name(model, operator)
    if name not in (*_CONVOLUTIONS, "FULLY_CONNECTED"):
        return 0
    weight = _shape(graph.tensors[int(operator.inputs[1])])
    # depthwise weights are [1, kh, kw, O], others [O, kh, kw, I] or [O, I]
    each = prod(weight[1:3]) if name == "DEPTHWISE_CONV_2D" else prod(weight[1:])
    return each * prod(_shape(graph.tensors[int(operator.outputs[0])]))


def _kind(model: Model, operator: Any) -> Kind:
    name = operator_name(model, operator)
    if name == "ADD":
        return "addition"
    if name == "DEPTHWISE_CONV_2D":
        return "depthwise convolution"
    if name != "CONV_2D":
        return "other"
    kernel = _shape(model.subgraphs[0].tensors[int(operator.inputs[1])])[1:3]
    return "1×1 convolution" if kernel == (1, 1) else "convolution"


def _constant(model: Model, index: int) -> bool:
    data = model.buffers[model.subgraphs[0].tensors[index].buffer].data
    return data is not None and len(data) > 0


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in tensor.shape) if tensor.shape is not None else ()


def _size(tensor: Any) -> int:
    return prod(_shape(tensor)) * _BYTES[tensor_type(tensor)]


def _with(table: Any, **changes: Any) -> Any:
    """A copy of a flatbuffer object with other fields."""
    copy = type(table)()
    vars(copy).update(vars(table), **changes)
    return copy
