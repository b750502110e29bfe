"""Which convolutions write and read the same channels: what may be rescaled together without changing the network."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import torch
from torch import fx, nn

ADDITIONS = (operator.add, operator.iadd, torch.add)


@dataclass(frozen=True)
class Unit:
    """A convolution with what follows it: ``bias`` per output channel, and whether a ReLU6 clips the sum.

    ``node`` is the convolution's own value in the graph, ``output`` that of the whole unit.
    """

    convolution: nn.Conv2d
    bias: torch.Tensor
    clipped: bool
    linear: bool
    node: fx.Node
    output: fx.Node


@dataclass(frozen=True)
class Chain:
    """Linear outputs that are added to each other, and the convolutions without padding that read them.

    ``members`` are all values of the chain; ``branches`` those that are only added to others.
    """

    members: tuple[fx.Node, ...]
    branches: frozenset[fx.Node]
    producers: tuple[Unit, ...]
    readers: tuple[Unit, ...]


@dataclass(frozen=True)
class ChannelGraph:
    """A traced network: its ``units`` in order, and the ``chains`` that can be rescaled as one."""

    module: fx.GraphModule
    units: tuple[Unit, ...]
    chains: tuple[Chain, ...]

    def depthwise_reader(self, unit: Unit) -> Unit | None:
        """The depthwise unit that alone reads ``unit``, if there is one."""
        readers = _readers(unit.output, self.units)
        if readers is None or len(readers) != 1:
            return None
        convolution = readers[0].convolution
        channels = unit.convolution.out_channels
        return readers[0] if convolution.groups == channels == convolution.out_channels else None


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Layers stay whole; timm's normalisation includes its activation."""
        return isinstance(m, (nn.Conv2d, nn.BatchNorm2d)) or not any(True for _ in m.children())


def trace(network: nn.Module) -> ChannelGraph | None:
    """The channel graph of a network in eval mode whose batch normalisation is folded; None if it cannot be traced."""
    module = traced(network)
    if module is None:
        return None
    graph = module.graph
    for node in list(graph.nodes):
        if isinstance(_module(module, node), (nn.Identity, nn.Dropout)):
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph.erase_node(node)
    units = tuple(unit for node in graph.nodes if (unit := _unit(module, node)) is not None)
    return ChannelGraph(module, units, tuple(_chains(units)))


def traced(network: nn.Module) -> fx.GraphModule | None:
    """The network as a graph of whole layers; None if it cannot be traced."""
    try:
        return fx.GraphModule(network, _Tracer().trace(network))
    except Exception:  # tracing raises whatever the network's own control flow raises
        return None


def _module(module: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return module.get_submodule(str(node.target)) if node.op == "call_module" else None


def _unit(module: fx.GraphModule, node: fx.Node) -> Unit | None:
    convolution = _module(module, node)
    if not isinstance(convolution, nn.Conv2d):
        return None
    bias, output, activation = convolution.bias, node, None
    following = _only_reader(node)
    if following is not None and isinstance(norm := _module(module, following), nn.BatchNorm2d):
        bias, output, activation = norm.bias, following, getattr(norm, "act", None)
        following = _only_reader(following)
    if activation is None or isinstance(activation, nn.Identity):
        activation = None
        if following is not None and isinstance(after := _module(module, following), nn.ReLU6):
            activation, output = after, following
    if bias is None:
        bias = torch.zeros(convolution.out_channels)  # the head's, which nothing here changes
    return Unit(convolution, bias, isinstance(activation, nn.ReLU6), activation is None, node, output)


def _only_reader(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _readers(value: fx.Node, units: tuple[Unit, ...]) -> list[Unit] | None:
    """The units that read ``value``; None if anything else does."""
    by_node = {unit.node: unit for unit in units}
    found = [by_node.get(user) for user in value.users]
    return None if None in found else [unit for unit in found if unit is not None]


def _chains(units: tuple[Unit, ...]) -> list[Chain]:
    linear = {unit.output: unit for unit in units if unit.linear}
    chains: list[Chain] = []
    taken: set[fx.Node] = set()
    for start in linear:
        if start in taken:
            continue
        members = _connected(start)
        taken |= members
        chain = _chain(members, linear, units)
        if chain is not None:
            chains.append(chain)
    return chains


def _connected(start: fx.Node) -> set[fx.Node]:
    """All values of one channel space: joined by additions."""
    members, open_ends = {start}, [start]
    while open_ends:
        node = open_ends.pop()
        beside = [user for user in node.users if _adds(user)]
        if _adds(node):
            beside += node.all_input_nodes
        for other in beside:
            if other not in members:
                members.add(other)
                open_ends.append(other)
    return members


def _adds(node: fx.Node) -> bool:
    return node.op == "call_function" and node.target in ADDITIONS


def _chain(members: set[fx.Node], linear: dict[fx.Node, Unit], units: tuple[Unit, ...]) -> Chain | None:
    """None where something else than these convolutions writes or reads the values."""
    ordered = tuple(node for node in next(iter(members)).graph.nodes if node in members)
    readers: list[Unit] = []
    branches = set()
    for node in ordered:
        outside = [user for user in node.users if user not in members]
        read_by = [unit for unit in units if unit.node in outside]
        written = node in linear or all(source in members for source in node.all_input_nodes)
        if not written or len(read_by) != len(outside) or any(not _unpadded(unit) for unit in read_by):
            return None
        readers += [unit for unit in read_by if unit not in readers]
        if not outside:
            branches.add(node)
    producers = tuple(linear[node] for node in ordered if node in linear)
    whole = [unit for unit in producers if unit.output not in branches]
    if not readers or len(whole) != 1:  # exactly one writes the values that the others are added to
        return None
    return Chain(ordered, frozenset(branches), producers, tuple(readers))


def _unpadded(unit: Unit) -> bool:
    """Reads whole channels at places that all exist, and has a bias to take up what they are shifted by."""
    convolution = unit.convolution
    inside = convolution.kernel_size == (1, 1) or (type(convolution) is nn.Conv2d and convolution.padding == (0, 0))
    return inside and convolution.groups == 1 and isinstance(unit.bias, nn.Parameter)
