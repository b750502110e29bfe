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

from edgefrac.models.layers import IMAGE, Addition, Convolution, MaxPooling
from edgefrac.quantization.integers import IntegerConvolution, IntegerLayer, IntegerNetwork

OPSET = 21
_IR_VERSION = 10


def integer_model(network: IntegerNetwork, size: int) -> onnx.ModelProto:
    """From ``image`` uint8 [1, S, S, 1] to ``probability`` [1, K] and ``evidence`` [1, h, w, K], float32."""
    graph = _Graph(network)
    graph.image(size)
    for layer in network.layers:
        if isinstance(layer, (IntegerConvolution, Convolution)):
            graph.convolution(layer)
        elif isinstance(layer, Addition):
            graph.addition(layer)
        else:
            graph.pooling(layer)
    graph.readout()
    side, channels = network.sides(size)[network.output] * network.refinement, len(network.gain)
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
        self.rounded: set[str] = set()

    def image(self, size: int) -> None:
        """From NHWC to NCHW, as numbers: Qualcomm's compiler refuses a convolution on codes without a scale."""
        pixels = self.node("DequantizeLinear", [IMAGE, *self._grid(IMAGE)], "pixels")
        self.node(
            "Reshape", [pixels, self.constant("one_channel", np.array([1, 1, size, size], np.int64))], "image_float"
        )
        self._quantized(IMAGE)

    def convolution(self, layer: IntegerConvolution | Convolution) -> None:
        name = layer.name
        if isinstance(layer, Convolution):
            constants = [
                self.constant(f"{name}_weight", layer.weight),
                self.constant(f"{name}_bias", layer.bias.astype(np.float32)),
            ]
        else:
            scale = self.network.weight_scale(layer)
            source_scale = np.float32(self.network.grids[layer.source].scale)
            constants = [
                self._dequantized(f"{name}_weight", layer.weight, scale),
                self._dequantized(f"{name}_bias", layer.bias, scale * source_scale),
            ]
        inputs = [self._read(layer.source, layer), *constants]
        kernel, pads, strides = list(layer.weight.shape[2:]), [layer.padding] * 4, [layer.stride] * 2
        self.node("Conv", inputs, self._raw(layer), kernel_shape=kernel, pads=pads, strides=strides, group=layer.groups)
        self._write(layer)

    def addition(self, layer: Addition) -> None:
        self.node("Add", [self._read(source, layer) for source in layer.sources], self._raw(layer))
        self._write(layer)

    def pooling(self, layer: MaxPooling) -> None:
        """Runtimes take the maximum of the codes; padding of an ONNX pooling is never the maximum."""
        kernel, pads, strides = [layer.kernel] * 2, [layer.padding] * 4, [layer.stride] * 2
        inputs = [self._read(layer.source, layer)]
        self.node("MaxPool", inputs, self._raw(layer), kernel_shape=kernel, pads=pads, strides=strides)
        self._write(layer)

    def readout(self) -> None:
        """Probability and evidence in float32."""
        network = self.network
        cells, factor = self._as_float(network.output), network.refinement
        if factor > 1:
            cells = self.node("DepthToSpace", [cells], "cells", blocksize=factor, mode="DCR")
        self.node("Transpose", [cells], "evidence", perm=[0, 2, 3, 1])
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

    def _raw(self, layer: IntegerLayer) -> str:
        """What a layer's result is called before its activation cuts it off, or the grid rounds it."""
        return f"{layer.name}_raw" if layer.name in self.network.floats else f"{layer.name}_float"

    def _read(self, value: str, reader: IntegerLayer) -> str:
        """The value as ``reader`` wants it: as it is, or as codes, which are rounded now where it has none yet."""
        floats = self.network.floats
        if value in floats and reader.name not in floats:
            if value not in self.rounded:
                self.rounded.add(value)
                self._quantized(value)
            return self._dequantized_codes(value)
        return self._as_float(value)

    def _as_float(self, value: str) -> str:
        return f"{value}_float" if value in self.network.floats else self._dequantized_codes(value)

    def _dequantized_codes(self, value: str) -> str:
        """A DequantizeLinear of its own for each reader."""
        number = self.readers[value] = self.readers.get(value, 0) + 1
        return self.node("DequantizeLinear", [f"codes_{value}", *self._grid(value)], f"{value}_read{number}")

    def _write(self, layer: IntegerLayer) -> None:
        """Codes of a result; of one that stays in float32 what its activation leaves, which in codes the grid does.

        A maximum stands there in any case: a convolution right before a QuantizeLinear, or with nothing but a Relu or
        Clip in between, is one whose weights ONNX Runtime quantizes by itself.
        """
        if layer.name not in self.network.floats:
            self._quantized(layer.name)
            return
        low, high = self.network.cut(layer)
        floor = self.constant(f"{layer.name}_low", np.array(max(low, float(np.finfo(np.float32).min)), np.float32))
        result = f"{layer.name}_float"
        if np.isfinite(high):
            self.node("Max", [self._raw(layer), floor], f"{layer.name}_floored")
            top = self.constant(f"{layer.name}_high", np.array(high, np.float32))
            self.node("Min", [f"{layer.name}_floored", top], result)
        else:
            self.node("Max", [self._raw(layer), floor], result)

    def _quantized(self, value: str) -> None:
        self.node("QuantizeLinear", [f"{value}_float", *self._grid(value)], f"codes_{value}")

    def _grid(self, value: str) -> list[str]:
        names = [f"{value}_scale", f"{value}_zero"]
        if names[0] not in {constant.name for constant in self.constants}:
            grid = self.network.grids[value]
            self.constant(names[0], np.array(grid.scale, np.float32))
            self.constant(names[1], np.array(grid.zero_point + 128, np.uint8))
        return names
