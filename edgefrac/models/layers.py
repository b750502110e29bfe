"""A network as the list of its layers: the form in which integers can compute it.

Only what every integer runtime has is a layer: convolutions with the ReLU or ReLU6 behind them, additions, maximum
pooling. Batch normalisation is folded in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn
from torch.nn import functional

from edgefrac.errors import ConversionError
from edgefrac.models.channel_graph import ADDITIONS, trace

Activation = Literal["none", "relu", "relu6"]
_ACTIVATIONS: dict[type[nn.Module], Activation] = {nn.ReLU: "relu", nn.ReLU6: "relu6"}
IMAGE = "image"


@dataclass(frozen=True)
class Convolution:
    """``weight`` float32 [O, I/groups, kh, kw] and ``bias`` float64 [O], zero padding on all sides alike."""

    name: str
    source: str
    weight: NDArray[np.float32]
    bias: NDArray[np.float64]
    stride: int
    padding: int
    groups: int
    activation: Activation = "none"

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the values that are read."""
        return (self.source,)


@dataclass(frozen=True)
class Addition:
    """The sum of two values of one shape."""

    name: str
    sources: tuple[str, str]
    activation: Activation = "none"


@dataclass(frozen=True)
class MaxPooling:
    """Of values that are not negative, so that padding with zeros is padding with the least value."""

    name: str
    source: str
    kernel: int
    stride: int
    padding: int

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the values that are read."""
        return (self.source,)


Layer = Convolution | Addition | MaxPooling
Alter = Callable[[str, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class LayerGraph:
    """Layers in order of computation; each value has the name of the layer that makes it, the first one ``image``."""

    layers: tuple[Layer, ...]

    @property
    def output(self) -> str:
        """The evidence map's name."""
        return self.layers[-1].name

    def convolutions(self) -> tuple[Convolution, ...]:
        """All convolutions, in order."""
        return tuple(layer for layer in self.layers if isinstance(layer, Convolution))

    def run(self, image: torch.Tensor, alter: Alter | None = None) -> dict[str, torch.Tensor]:
        """All values of float32 (B, 1, S, S), by name; each as ``alter`` leaves it, given its name, if it is given."""
        values = {IMAGE: image}
        for layer in self.layers:
            result = _computed(layer, values)
            values[layer.name] = alter(layer.name, result) if alter else result
        return values


def layers_of(evidence: nn.Module) -> LayerGraph:
    """The layers of a network in eval mode from an image to its evidence map.

    Raises ConversionError naming what cannot be expressed.
    """
    traced = trace(evidence)
    if traced is None:
        raise ConversionError("the network has control flow that cannot be traced into layers")
    reader = _Reader(traced.module)
    for node in traced.module.graph.nodes:
        reader.read(node)
    return LayerGraph(tuple(reader.layers))


def _computed(layer: Layer, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
    if isinstance(layer, Convolution):
        weight, bias = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias).float()
        padding, groups = layer.padding, layer.groups
        result = functional.conv2d(values[layer.source], weight, bias, layer.stride, padding, 1, groups)
    elif isinstance(layer, MaxPooling):
        return functional.max_pool2d(values[layer.source], layer.kernel, layer.stride, layer.padding)
    else:
        result = values[layer.sources[0]] + values[layer.sources[1]]
    if layer.activation == "none":
        return result
    return functional.relu(result) if layer.activation == "relu" else functional.relu6(result)


class _Reader:
    """Turns the nodes of a traced network into layers, one after the other."""

    def __init__(self, module: fx.GraphModule) -> None:
        self.module = module
        self.layers: list[Layer] = []
        self.value: dict[fx.Node, str] = {}
        self.padded: dict[fx.Node, int] = {}
        self.repeated: set[fx.Node] = set()

    def read(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            self.value[node] = IMAGE
        elif node.op == "call_function" and node.target in ADDITIONS and len(node.all_input_nodes) == 2:
            left, right = (self._source(source) for source in node.all_input_nodes)
            self._append(node, Addition(self._name("add"), (left, right)))
        elif node.op == "call_method" and node.target == "expand" and self.value[node.all_input_nodes[0]] == IMAGE:
            self.value[node] = IMAGE  # grey in each of several channels: kernels that read it are added up
            self.repeated.add(node)
        elif node.op == "call_module":
            self._module(node, self.module.get_submodule(str(node.target)), node.all_input_nodes[0])
        elif node.op != "output":
            raise ConversionError(f"no integer layer computes {_described(node)}")

    def _module(self, node: fx.Node, module: nn.Module, source: fx.Node) -> None:
        if isinstance(module, nn.Conv2d):
            self._append(node, self._convolution(module, source))
        elif isinstance(module, nn.BatchNorm2d):
            self._normalised(node, module, source)
            if (activation := getattr(module, "act", None)) is not None and not isinstance(activation, nn.Identity):
                self._activated(node, activation, node)
        elif isinstance(module, nn.ZeroPad2d) and len(set(module.padding)) == 1:
            self.value[node] = self._source(source)
            self.padded[node] = module.padding[0]
        elif isinstance(module, nn.MaxPool2d):
            self._pooled(node, module, source)
        elif not self._activated(node, module, source):
            raise ConversionError(f"no integer layer computes {type(module).__name__} ('{node.target}')")

    def _convolution(self, module: nn.Conv2d, source: fx.Node) -> Convolution:
        weight, padding = _padded_alike(module)
        weight = weight.sum(1, keepdim=True) if source in self.repeated else weight
        bias = torch.zeros(module.out_channels) if module.bias is None else module.bias.detach()
        return Convolution(
            self._name("conv"),
            self._source(source),
            weight.contiguous().numpy(),
            bias.double().numpy(),
            int(module.stride[0]),
            padding + self.padded.get(source, 0),
            module.groups,
        )

    def _normalised(self, node: fx.Node, norm: nn.BatchNorm2d, source: fx.Node) -> None:
        before = self._last(source)
        mean, variance = norm.running_mean, norm.running_var
        if not isinstance(before, Convolution) or before.activation != "none" or mean is None or variance is None:
            raise ConversionError(f"a batch normalisation does not follow its convolution ('{node.target}')")
        gain = norm.weight.detach().double() / (variance.double() + norm.eps).sqrt()
        if torch.allclose(gain, torch.ones_like(gain), rtol=0, atol=1e-6):
            gain = torch.ones_like(gain)  # folded before: weights that lie on a grid stay there
        weight = before.weight.astype(np.float64) * gain.numpy()[:, None, None, None]
        bias = norm.bias.detach().double() + (torch.from_numpy(before.bias) - mean.double()) * gain
        self._replace(node, source, replace(before, weight=weight.astype(np.float32), bias=bias.numpy()))

    def _activated(self, node: fx.Node, module: nn.Module, source: fx.Node) -> bool:
        activation = next((name for kind, name in _ACTIVATIONS.items() if type(module) is kind), None)
        before = self._last(source)
        if activation is None or isinstance(before, MaxPooling) or before.activation != "none":
            return False
        self._replace(node, source, replace(before, activation=activation))
        return True

    def _pooled(self, node: fx.Node, module: nn.MaxPool2d, source: fx.Node) -> None:
        before = self._last(source)
        kernel, stride, padding = module.kernel_size, module.stride, module.padding
        odd = module.ceil_mode or module.dilation != 1 or getattr(before, "activation", "none") == "none"
        if odd or not (isinstance(kernel, int) and isinstance(stride, int) and isinstance(padding, int)):
            raise ConversionError(f"this maximum pooling has no integer layer ('{node.target}')")
        padding += self.padded.get(source, 0)
        self._append(node, MaxPooling(self._name("pool"), self._source(source), kernel, stride, padding))

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self.layers):03d}"

    def _source(self, node: fx.Node) -> str:
        return self.value[node]

    def _last(self, node: fx.Node) -> Layer:
        """The layer that made a value which nothing has read yet: it is the last one."""
        if not self.layers or self.layers[-1].name != self.value.get(node):
            raise ConversionError(f"{_described(node)} does not come right behind what it acts on")
        return self.layers[-1]

    def _append(self, node: fx.Node, layer: Layer) -> None:
        self.layers.append(layer)
        self.value[node] = layer.name

    def _replace(self, node: fx.Node, source: fx.Node, layer: Layer) -> None:
        if source is not node and len(source.users) != 1:
            raise ConversionError(f"{_described(source)} is read before and after its activation")
        self.layers[-1] = layer
        self.value[node] = layer.name


def _padded_alike(module: nn.Conv2d) -> tuple[torch.Tensor, int]:
    """A convolution's weight, and the zero padding that all its sides have.

    TensorFlow's "same" padding, timm's Conv2dSame, pads an image with an even side one cell less before it than behind
    it where the stride is 2: that is padding alike with a kernel that has zeros in one row and one column more.
    """
    weight = module.weight.detach()
    kernel, stride = {*module.kernel_size}, {*module.stride}
    sides = {*module.padding} if isinstance(module.padding, tuple) else {-1}
    if len(sides) != 1 or -1 in sides or len(stride) != 1 or {*module.dilation} != {1}:
        raise ConversionError(f"{module} has no integer layer")
    if type(module).forward is nn.Conv2d.forward:
        return weight, int(sides.pop())
    if type(module).__name__ == "Conv2dSame" and kernel <= {1, 3, 5, 7} and len(kernel) == 1 and stride <= {1, 2}:
        before = 1 if stride == {2} and kernel != {1} else 0
        return functional.pad(weight, (before, 0, before, 0)), kernel.pop() // 2
    raise ConversionError(f"{module} computes more than a convolution, which has no integer layer")


def _described(node: fx.Node) -> str:
    return f"'{getattr(node.target, '__name__', node.target)}'"
