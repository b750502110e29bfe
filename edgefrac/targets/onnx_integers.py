"""Write an integer network as an ONNX graph of quantized operators (QDQ).

Activations are uint8 (a code plus 128) and every DequantizeLinear has one reader: so ONNX Runtime on x86-64 fuses each
layer into one integer kernel, and Qualcomm's compiler takes the file as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgefrac.models.layers import IMAGE, Addition, MaxPooling
from edgefrac.quantization.integers import IntegerConvolution, IntegerNetwork

OPSET = 21
_IR_VERSION = 10


def integer_model(network: IntegerNetwork, size: int) -> onnx.ModelProto:
    """From ``image`` uint8 [1, S, S, 1] to ``probability`` [1, K] and ``evidence`` [1, h, w, K], float32."""
    graph = _Graph(network)
    graph.image(size)
    for layer in network.layers:
        if isinstance(layer, IntegerConvolution):
            graph.convolution(layer)
        elif isinstance(layer, Addition):
            graph.addition(layer)
        else:
            graph.pooling(layer)
    graph.readout()
    side, channels = network.sides(size)[network.output], len(network.gain)
    made = helper.make_graph(
        graph.nodes,
        "edgefrac",
        [helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, [1, size, size, 1])],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, [1, channels]),
            helper.make_tensor_value_info("evidence", TensorProto.FLOAT, [1, side, side, channels]),
        ],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="edgefrac")
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes and constants under construction; value ``x`` of the network is the uint8 tensor ``codes_x``."""

    def __init__(self, network: IntegerNetwork) -> None:
        self.network = network
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.readers: dict[str, int] = {}

    def image(self, size: int) -> None:
        """From NHWC to NCHW, as numbers: Qualcomm's compiler refuses a convolution on codes without a scale."""
        pixels = self.node("DequantizeLinear", [IMAGE, *self._grid(IMAGE)], "pixels")
        self.node(
            "Reshape", [pixels, self.constant("one_channel", np.array([1, 1, size, size], np.int64))], "image_float"
        )
        self._write(IMAGE)

    def convolution(self, layer: IntegerConvolution) -> None:
        name, scale = layer.name, self.network.weight_scale(layer)
        source_scale = np.float32(self.network.grids[layer.source].scale)
        inputs = [
            self._read(layer.source),
            self._dequantized(f"{name}_weight", layer.weight, scale),
            self._dequantized(f"{name}_bias", layer.bias, scale * source_scale),
        ]
        kernel, pads, strides = list(layer.weight.shape[2:]), [layer.padding] * 4, [layer.stride] * 2
        self.node("Conv", inputs, f"{name}_float", kernel_shape=kernel, pads=pads, strides=strides, group=layer.groups)
        self._write(name)

    def addition(self, layer: Addition) -> None:
        self.node("Add", [self._read(source) for source in layer.sources], f"{layer.name}_float")
        self._write(layer.name)

    def pooling(self, layer: MaxPooling) -> None:
        """Runtimes take the maximum of the codes; padding of an ONNX pooling is never the maximum."""
        kernel, pads, strides = [layer.kernel] * 2, [layer.padding] * 4, [layer.stride] * 2
        inputs = [self._read(layer.source)]
        self.node("MaxPool", inputs, f"{layer.name}_float", kernel_shape=kernel, pads=pads, strides=strides)
        self._write(layer.name)

    def readout(self) -> None:
        """Probability and evidence in float32."""
        network = self.network
        self.node("Transpose", [self._read(network.output)], "evidence", perm=[0, 2, 3, 1])
        axes = self.constant("sides", np.array([1, 2], np.int64))
        self.node("ReduceMean", ["evidence", axes], "mean", keepdims=0)
        self.node("Mul", ["mean", self.constant("gain", network.gain[None])], "scaled")
        self.node("Add", ["scaled", self.constant("offset", network.offset[None])], "logit")
        self.node("Sigmoid", ["logit"], "probability")

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def _dequantized(self, name: str, values: NDArray[Any], scale: NDArray[np.float32]) -> str:
        inputs = [self.constant(name, values), self.constant(f"{name}_scale", scale.astype(np.float32))]
        if values.dtype == np.int8:
            inputs.append(self.constant(f"{name}_zero", np.zeros(len(scale), np.int8)))
        return self.node("DequantizeLinear", inputs, f"{name}_float", axis=0)

    def _read(self, value: str) -> str:
        """A DequantizeLinear of its own for each reader."""
        number = self.readers[value] = self.readers.get(value, 0) + 1
        return self.node("DequantizeLinear", [f"codes_{value}", *self._grid(value)], f"{value}_read{number}")

    def _write(self, value: str) -> None:
        self.node("QuantizeLinear", [f"{value}_float", *self._grid(value)], f"codes_{value}")

    def _grid(self, value: str) -> list[str]:
        names = [f"{value}_scale", f"{value}_zero"]
        if names[0] not in {constant.name for constant in self.constants}:
            grid = self.network.grids[value]
            self.constant(names[0], np.array(grid.scale, np.float32))
            self.constant(names[1], np.array(grid.zero_point + 128, np.uint8))
        return names
