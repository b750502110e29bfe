"""Edits of a converted float graph, to make files that are wrong in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from torch import nn

from edgefrac.models.network import FractureNet
from edgefrac.targets.tflite_graph import operator_name, pack_graph, read_graph
from edgefrac.targets.tflite_layers import CONVOLUTIONS

Floats = NDArray[np.float32]


def edited(data: bytes, edit: Callable[[Any], None]) -> bytes:
    """The graph after ``edit``, which changes the model it is given."""
    model = read_graph(data)
    edit(model)
    return pack_graph(model)


def operators(model: Any, *names: str) -> list[Any]:
    """The operators of these names, in order of execution."""
    return [o for o in model.subgraphs[0].operators if operator_name(model, o) in names]


def constant(model: Any, operator: Any, position: int) -> Floats:
    """A float32 constant of an operator."""
    tensor = model.subgraphs[0].tensors[operator.inputs[position]]
    raw = np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()
    return np.frombuffer(raw, np.float32).reshape(tensor.shape)


def set_constant(model: Any, operator: Any, position: int, values: NDArray[Any]) -> None:
    """Give an operator another constant of the same shape, in a buffer of its own."""
    tensor = model.subgraphs[0].tensors[operator.inputs[position]]
    raw = np.ascontiguousarray(values, np.float32).tobytes()
    assert len(raw) == 4 * int(np.prod(tensor.shape))
    model.buffers.append(schema.BufferT(data=np.frombuffer(raw, np.uint8)))
    tensor.buffer = len(model.buffers) - 1


def head_constant(name: str, change: Callable[[Floats], Floats]) -> Callable[[Any], None]:
    """Change the constant of the head's MUL (1 / temperature) or ADD (bias / temperature)."""

    def edit(model: Any) -> None:
        operator = operators(model, name)[-1]
        position = next(i for i in (0, 1) if model.buffers[_tensor(model, operator, i).buffer].data is not None)
        set_constant(model, operator, position, change(constant(model, operator, position)))

    return edit


def convolution(number: int, change: Callable[[Floats], Floats], *, bias: bool = False) -> Callable[[Any], None]:
    """Change weights, channels first ([O, …]), or the bias of the convolution of that number, from 0."""

    def edit(model: Any) -> None:
        operator = operators(model, *CONVOLUTIONS)[number]
        last = operator_name(model, operator) == "DEPTHWISE_CONV_2D" and not bias
        values = constant(model, operator, 2 if bias else 1)
        changed = change(np.moveaxis(values, -1, 0) if last else values)
        set_constant(model, operator, 2 if bias else 1, np.moveaxis(changed, 0, -1) if last else changed)

    return edit


def with_weights_of(network: FractureNet) -> Callable[[Any], None]:
    """Put the weights of another folded network of the same architecture in."""
    modules = list(network.modules())
    convolutions = [m for m in modules if isinstance(m, nn.Conv2d)]
    biases = [m.bias.detach().numpy() for m in modules if isinstance(m, nn.BatchNorm2d)]

    def edit(model: Any) -> None:
        for number, module in enumerate(convolutions):
            weight = np.moveaxis(module.weight.detach().numpy(), 1, -1)  # OIHW -> OHWI
            convolution(number, lambda old, new=weight: new.reshape(old.shape))(model)  # type: ignore[misc]
            if number < len(biases):
                convolution(number, lambda _, new=biases[number]: new, bias=True)(model)  # type: ignore[misc]

    return edit


def append(model: Any, name: str, source: int) -> int:
    """One more operator of one input and no options at the end; returns the tensor of its result."""
    graph = model.subgraphs[0]
    old = graph.tensors[source]
    graph.tensors.append(schema.TensorT(shape=list(old.shape), type=old.type, buffer=0, name=b"appended", hasRank=True))
    result = len(graph.tensors) - 1
    graph.operators.append(schema.OperatorT(opcodeIndex=_opcode(model, name), inputs=[source], outputs=[result]))
    return result


def replace_operator(model: Any, old: str, new: str) -> None:
    """Let another operator of the same inputs and options do the work."""
    for operator in operators(model, old):
        operator.opcodeIndex = _opcode(model, new)


def chain(edits: Sequence[Callable[[Any], None]]) -> Callable[[Any], None]:
    """Several edits after each other."""

    def edit(model: Any) -> None:
        for one in edits:
            one(model)

    return edit


def _opcode(model: Any, name: str) -> int:
    builtin = getattr(schema.BuiltinOperator, name)
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=builtin, deprecatedBuiltinCode=min(builtin, 127), version=1)
    )
    return len(model.operatorCodes) - 1


def _tensor(model: Any, operator: Any, position: int) -> Any:
    return model.subgraphs[0].tensors[operator.inputs[position]]
