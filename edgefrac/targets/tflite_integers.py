"""Write an integer network as a TFLite graph, operator by operator: no converter, so nothing is decided twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgefrac.models.layers import IMAGE, Addition, Convolution, MaxPooling
from edgefrac.quantization.integers import IntegerConvolution, IntegerLayer, IntegerNetwork
from edgefrac.targets.tflite_graph import pack_graph

_VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "ADD": 2, "PAD": 2, "MAX_POOL_2D": 2, "DEQUANTIZE": 2}
_Array = NDArray[Any]


def integer_graph(network: IntegerNetwork, size: int) -> bytes:
    """The graph from int8 NHWC pixels [1, S, S, 1] to probability and evidence, before ``tflite_graph.finish``."""
    graph = _Graph(network, network.sides(size))
    image, cells = graph.layers(size)
    return graph.packed(image, graph.readout(cells))


def codes_graph(network: IntegerNetwork, size: int) -> bytes:
    """The same graph up to the map's codes [1, h, w, r²·K], r being the network's ``refinement``: integers alone."""
    graph = _Graph(network, network.sides(size))
    image, cells = graph.layers(size)
    return graph.packed(image, (cells,))


class _Graph:
    """A model under construction; tensors are referred to by number."""

    def __init__(self, network: IntegerNetwork, sides: dict[str, int]) -> None:
        self.network = network
        self.sides = sides
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.converted: dict[int, int] = {}
        self.buffers: list[Any] = [schema.BufferT()]

    def layers(self, size: int) -> tuple[int, int]:
        """All layers of the network; the tensors of the image and of the map."""
        tensors = {IMAGE: self.codes(IMAGE, (1, size, size, 1))}
        for layer in self.network.layers:
            sources = [self.read(name, tensors[name], layer) for name in layer.sources]
            if isinstance(layer, Addition):
                tensors[layer.name] = self.addition(layer, sources)
            elif isinstance(layer, MaxPooling):
                tensors[layer.name] = self.pooling(layer, sources[0])
            else:
                tensors[layer.name] = self.convolution(layer, sources[0])
        return tensors[IMAGE], tensors[self.network.output]

    def codes(self, name: str, shape: tuple[int, ...]) -> int:
        """A tensor of int8 codes on the grid of value ``name``."""
        grid = self.network.grids[name]
        scale, zero = np.array([grid.scale], np.float32), np.array([grid.zero_point], np.int64)
        return self._tensor(shape, schema.TensorType.INT8, schema.QuantizationParametersT(scale=scale, zeroPoint=zero))

    def read(self, name: str, tensor: int, reader: IntegerLayer) -> int:
        """A value as ``reader`` computes: in codes or in float32; converted once for all that want it otherwise."""
        wanted = schema.TensorType.FLOAT32 if reader.name in self.network.floats else schema.TensorType.INT8
        if self.tensors[tensor].type == wanted:
            return tensor
        if tensor not in self.converted:
            shape = tuple(self.tensors[tensor].shape)
            if wanted == schema.TensorType.INT8:
                self._operator("QUANTIZE", [tensor], made := self.codes(name, shape), schema.QuantizeOptionsT())
            else:
                self._operator("DEQUANTIZE", [tensor], made := self._float(shape), schema.DequantizeOptionsT())
            self.converted[tensor] = made
        return self.converted[tensor]

    def cut(self, layer: IntegerLayer, tensor: int) -> int:
        """What the activation of a layer in float32 leaves; of codes the grid cuts it off."""
        low, high = self.network.cut(layer)
        if layer.name not in self.network.floats or not np.isfinite(low):
            return tensor
        shape = tuple(self.tensors[tensor].shape)
        tensor = self._operator("RELU", [tensor], self._float(shape))
        if np.isfinite(high):
            top = self._constant(np.full((1, 1, 1, 1), high, np.float32), schema.TensorType.FLOAT32)
            tensor = self._operator("MINIMUM", [tensor, top], self._float(shape), schema.MaximumMinimumOptionsT())
        return tensor

    def convolution(self, layer: IntegerConvolution | Convolution, source: int) -> int:
        padding, kernel = layer.padding, layer.weight.shape[-1]
        same = layer.stride == 1 and 2 * padding == kernel - 1
        if padding and not same:
            source = self._padded(layer.source, source, padding)
        depthwise = layer.weight.shape[1] == 1 and layer.groups == len(layer.weight) > 1
        axis = 3 if depthwise else 0
        weight = layer.weight.transpose(1, 2, 3, 0) if depthwise else layer.weight.transpose(0, 2, 3, 1)
        if isinstance(layer, Convolution):
            constants = [
                self._constant(np.ascontiguousarray(v, np.float32), schema.TensorType.FLOAT32)
                for v in (weight, layer.bias)
            ]
        else:
            scale = self.network.weight_scale(layer)
            bias_scale = scale * self.network.grids[layer.source].scale
            constants = [
                self._constant(np.ascontiguousarray(weight), schema.TensorType.INT8, scale, axis),
                self._constant(layer.bias, schema.TensorType.INT32, bias_scale, 0),
            ]
        inputs = [source, *constants]
        kind = schema.DepthwiseConv2DOptionsT() if depthwise else schema.Conv2DOptionsT()
        kind.padding = schema.Padding.SAME if same else schema.Padding.VALID
        kind.strideW = kind.strideH = layer.stride
        if depthwise:
            kind.depthMultiplier = 1
        output = self._value(layer.name, self._shape(layer.name, len(layer.weight)))
        return self.cut(layer, self._operator("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", inputs, output, kind))

    def addition(self, layer: Addition, sources: list[int]) -> int:
        output = self._value(layer.name, tuple(self.tensors[sources[0]].shape))
        return self.cut(layer, self._operator("ADD", sources, output, schema.AddOptionsT()))

    def pooling(self, layer: MaxPooling, source: int) -> int:
        if layer.padding:
            source = self._padded(layer.source, source, layer.padding)
        options = schema.Pool2DOptionsT()
        options.padding = schema.Padding.VALID
        options.strideW = options.strideH = layer.stride
        options.filterWidth = options.filterHeight = layer.kernel
        output = self._value(layer.name, self._shape(layer.name, self.tensors[source].shape[3]))
        return self._operator("MAX_POOL_2D", [source], output, options)

    def readout(self, output: int) -> tuple[int, int]:
        """Probability and evidence map of the map's tensor, in float32."""
        shape, evidence = tuple(self.tensors[output].shape), output
        if self.network.output not in self.network.floats:
            evidence = self._operator("DEQUANTIZE", [output], self._float(shape), schema.DequantizeOptionsT())
        if (factor := self.network.refinement) > 1:
            _, height, width, channels = shape
            shape = (1, factor * height, factor * width, channels // factor**2)
            options = schema.DepthToSpaceOptionsT()
            options.blockSize = factor
            evidence = self._operator("DEPTH_TO_SPACE", [evidence], self._float(shape), options)
        axes = self._constant(np.array([1, 2], np.int32), schema.TensorType.INT32)
        value, flat = evidence, (1, shape[3])
        value = self._operator("MEAN", [value, axes], self._float(flat), schema.ReducerOptionsT())
        gain, offset = (
            self._constant(v.reshape(flat), schema.TensorType.FLOAT32) for v in (self.network.gain, self.network.offset)
        )
        value = self._operator("MUL", [value, gain], self._float(flat), schema.MulOptionsT())
        value = self._operator("ADD", [value, offset], self._float(flat), schema.AddOptionsT())
        return self._operator("LOGISTIC", [value], self._float(flat)), evidence

    def packed(self, image: int, outputs: Sequence[int]) -> bytes:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs, graph.name = [image], list(outputs), "main"
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = "serving_default", 0
        signature.inputs = [schema.TensorMapT(name="image", tensorIndex=image)]
        signature.outputs = []
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes, model.signatureDefs, model.metadata = self._numbered_codes(), [signature], []
        return pack_graph(model)

    def _numbered_codes(self) -> list[Any]:
        """The kinds of operators in order, and each operator given the number of its kind."""
        names = sorted({operator.opcodeIndex for operator in self.operators}, key=str)
        for operator in self.operators:
            operator.opcodeIndex = names.index(operator.opcodeIndex)
        codes = []
        for name, float32 in names:
            builtin = getattr(schema.BuiltinOperator, name)
            version = 1 if float32 else _VERSIONS.get(name, 1)
            codes.append(
                schema.OperatorCodeT(
                    builtinCode=builtin,
                    deprecatedBuiltinCode=min(builtin, schema.BuiltinOperator.PLACEHOLDER_FOR_GREATER_OP_CODES),
                    version=version,
                )
            )
        return codes

    def _padded(self, name: str, source: int, padding: int) -> int:
        batch, height, width, channels = self.tensors[source].shape
        around = np.array([[0, 0], [padding] * 2, [padding] * 2, [0, 0]], np.int32)
        shape = (batch, height + 2 * padding, width + 2 * padding, channels)
        in_float = self.tensors[source].type == schema.TensorType.FLOAT32
        output = self._float(shape) if in_float else self.codes(name, shape)
        amounts = self._constant(around, schema.TensorType.INT32)
        return self._operator("PAD", [source, amounts], output, schema.PadOptionsT())

    def _shape(self, name: str, channels: int) -> tuple[int, ...]:
        return (1, self.sides[name], self.sides[name], channels)

    def _value(self, name: str, shape: tuple[int, ...]) -> int:
        return self._float(shape) if name in self.network.floats else self.codes(name, shape)

    def _float(self, shape: tuple[int, ...]) -> int:
        return self._tensor(shape, schema.TensorType.FLOAT32)

    def _constant(self, values: _Array, kind: int, scale: _Array | None = None, axis: int = 0) -> int:
        self.buffers.append(schema.BufferT(data=np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)))
        quantization = None
        if scale is not None:
            zero = np.zeros(len(scale), np.int64)
            quantization = schema.QuantizationParametersT(
                scale=scale.astype(np.float32), zeroPoint=zero, quantizedDimension=axis
            )
        return self._tensor(values.shape, kind, quantization, len(self.buffers) - 1)

    def _tensor(self, shape: tuple[int, ...], kind: int, quantization: Any = None, buffer: int = 0) -> int:
        self.tensors.append(
            schema.TensorT(shape=list(shape), type=kind, buffer=buffer, quantization=quantization, hasRank=True)
        )
        return len(self.tensors) - 1

    def _operator(self, name: str, inputs: list[int], output: int, options: Any = None) -> int:
        operator = schema.OperatorT()
        float32 = self.tensors[output].type == schema.TensorType.FLOAT32 and name != "DEQUANTIZE"
        operator.opcodeIndex = (name, float32)  # replaced by its number when all are known
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.operators.append(operator)
        return output
