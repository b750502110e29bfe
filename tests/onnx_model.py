"""The tiny model of ``tests.tflite_model`` as an ONNX graph, node by node, finished as any graph is."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgefrac.contract import Contract, Output
from edgefrac.targets.onnx_graph import finish
from tests.tflite_model import BIAS, CELL, CELLS, SIZE
from tests.tflite_model import contract as tflite_contract


def contract() -> Contract:
    """What the tiny file promises."""
    outputs = (
        Output(name="probability", shape=(1, 1), index=0),
        Output(name="evidence", shape=(1, CELLS, CELLS, 1), index=1),
    )
    return tflite_contract().model_copy(update={"outputs": outputs})


def graph(bias: float = BIAS) -> onnx.ModelProto:
    """image -> float -> (x - 128) / 128 -> average pool = evidence; its mean plus the bias, logistic = probability."""
    constants = {
        "128": np.float32(128),
        "scale": np.float32(1 / 128),
        "bias": np.float32(bias),
        "axes": np.array([1, 2], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["float", "128"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["first"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["first"], ["pooled"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Transpose", ["pooled"], ["evidence"], perm=[0, 2, 3, 1]),
        helper.make_node("ReduceMean", ["evidence", "axes"], ["mean"], keepdims=0),
        helper.make_node("Add", ["mean", "bias"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    made = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [1, SIZE, SIZE, 1])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, [1, 1]),
            helper.make_tensor_value_info("evidence", TensorProto.FLOAT, [1, CELLS, CELLS, 1]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def build(bias: float = BIAS) -> bytes:
    """The finished file's bytes."""
    return finish(graph(bias), contract())
