"""Edits of an ONNX graph: float16 weights, and the finished, sealed file."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgefrac.contract import Contract
from edgefrac.errors import ConversionError
from edgefrac.targets.onnx_metadata import CONTRACT_KEY, DIGEST_KEY, DIGITS, seal
from edgefrac.targets.tflite_metadata import channel_labels

_ELEMENTS = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}


def half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Kernels stored as float16, each with a Cast to float32; biases and constants stay as they are.

    Half the bytes, and float32 arithmetic wherever a runtime has nothing better: float16 TFLite and OpenVINO files are
    of the same form. Raises no error for a weight beyond float16's range: it becomes infinite, and the gate sees it.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(model)
    casts = []
    for tensor in halved.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            name, stored = tensor.name, f"{tensor.name}.half"
            with np.errstate(over="ignore"):
                values = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(values, stored))
            casts.append(helper.make_node("Cast", [stored], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved


def finish(model: onnx.ModelProto, contract: Contract) -> bytes:
    """The finished file: nothing in it but the graph, its contract and a seal. Same arguments, same bytes.

    ``model`` is any graph, of any precision, that takes and gives what ``contract`` says, under the same names; raises
    ConversionError for another one.
    """
    finished = onnx.ModelProto()
    finished.CopyFrom(model)
    _require_promised(finished.graph, contract)
    _strip(finished)
    finished.producer_name, finished.producer_version = "EdgeFrac", ""
    finished.graph.name = contract.name
    finished.doc_string = f"{contract.intended_use} {contract.training_data.attribution}".strip()
    properties = {
        CONTRACT_KEY: contract.to_json(),
        DIGEST_KEY: "0" * DIGITS,
        "labels": "\n".join(channel_labels(contract)),
        "model_author": "EdgeFrac",
        "model_license": contract.training_data.licence,
    }
    for key, value in properties.items():
        finished.metadata_props.add(key=key, value=value)
    try:
        onnx.checker.check_model(finished)
    except onnx.checker.ValidationError as error:
        raise ConversionError(f"ONNX: the graph is not valid ({str(error).splitlines()[0]})") from error
    return seal(finished.SerializeToString(deterministic=True))


def _require_promised(graph: onnx.GraphProto, contract: Contract) -> None:
    promised = [(o.name, o.dtype, o.shape) for o in sorted(contract.outputs, key=lambda output: output.index)]
    found = [_described(value) for value in graph.output]
    image = [(contract.input.name, contract.input.dtype, contract.input.shape)]
    if [_described(value) for value in graph.input] != image or found != promised:
        raise ConversionError(f"ONNX: the graph gives {found}, and its contract promises {promised}")


def _described(value: onnx.ValueInfoProto) -> tuple[str, str, tuple[int, ...]]:
    kind = value.type.tensor_type
    element = next((name for name, number in _ELEMENTS.items() if number == kind.elem_type), "another type")
    return value.name, element, tuple(dim.dim_value for dim in kind.shape.dim)


def _strip(model: onnx.ModelProto) -> None:
    """Drop what tells of the machine (stack traces, paths) or is for debugging only."""
    del model.metadata_props[:]
    graph = model.graph
    for value in (*graph.input, *graph.output):
        value.ClearField("doc_string")
        del value.metadata_props[:]
    for part in (graph, *graph.node, *graph.initializer):
        part.ClearField("doc_string")
        del part.metadata_props[:]
    for tensor in graph.initializer:
        tensor.ClearField("data_location")
    del graph.value_info[:]
