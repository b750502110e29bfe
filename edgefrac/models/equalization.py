"""Spread each channel over the whole range that its tensor is rounded in, by shifting and scaling.

An int8 tensor has one scale for all channels. A channel that only ever takes values from 2.3 to 3.8 of a range of 0 to
6 is rounded four times as coarsely as it need be, and if its reader multiplies what is left by 20 the error is all that
decides. Scaling channels into each other's range is cross-layer equalization (Nagel et al. 2019, arXiv:1906.04721);
shifting them as well follows Wei et al. 2023 (arXiv:2304.09145). Two places allow it:

- a ReLU6 read by a depthwise convolution: shift and scale are undone in that convolution, channel by channel;
- linear bottlenecks, with all blocks that are added to them: undone in the convolutions that read them, which must not
  pad them.

Nothing changes in float but at image borders, where a depthwise convolution pads with zeros what was shifted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from edgefrac.models.channel_graph import Chain, ChannelGraph, Unit, trace
from edgefrac.models.network import FractureNet, evidence_cells, normalise

_MARGIN = 1.1  # what calibration did not see must fit too
_LARGEST_SCALE = 32.0
_TOP = 6.0
_BATCH = 16

Limits = dict[fx.Node, tuple[torch.Tensor, torch.Tensor]]


def equalize(network: FractureNet, images: NDArray[np.uint8]) -> int:
    """Equalize in place a network whose batch normalisation is folded; ``images`` are network inputs uint8 [N, S, S].

    Returns how many tensors were equalized: 0 for a network that offers no such place or cannot be traced.
    """
    graph = trace(evidence_cells(network))
    if graph is None:
        return 0
    pairs = [(u, reader) for u in graph.units if u.clipped and (reader := graph.depthwise_reader(u)) is not None]
    limits = _observe(graph, {unit.node for unit, _ in pairs}, images)
    # all sums first: a reader's bias takes up a shift, and it may be a unit of another pair
    sums = [tuple(limit + unit.bias.data for limit in limits[unit.node]) for unit, _ in pairs]
    for (unit, reader), (low, high) in zip(pairs, sums, strict=True):
        _equalize_clipped(unit, reader, low, high)
    # the shifts above move what follows, so the chains are observed afterwards
    limits = _observe(graph, {node for chain in graph.chains for node in chain.members}, images)
    for chain in graph.chains:
        _equalize_chain(chain, limits)
    return len(pairs) + len(graph.chains)


def _equalize_clipped(unit: Unit, reader: Unit, low: torch.Tensor, high: torch.Tensor) -> None:
    """y = (x - shift) * scale behind ``unit``; where the ReLU6 cuts at 6, the new values are cut at the same place."""
    top = high.clamp(max=_TOP)
    shift = (low - (_MARGIN - 1) * (top - low)).clamp(min=0)
    scale = torch.where(high >= _TOP, _TOP / (_TOP - shift), _TOP / (_MARGIN * (top - shift)))
    usable = (top - shift > 1e-3) & (shift < 0.9 * _TOP)
    scale = torch.where(usable, scale, torch.ones_like(scale)).clamp(1, _LARGEST_SCALE)
    shift = torch.where(usable, shift, torch.zeros_like(shift))
    unit.convolution.weight.data *= _per_output(scale)
    unit.bias.data = (unit.bias.data - shift) * scale
    reader.bias.data += reader.convolution.weight.data.sum((1, 2, 3)) * shift
    reader.convolution.weight.data /= _per_output(scale)


def _equalize_chain(chain: Chain, limits: Limits) -> None:
    """y = (x - middle) * scale for all tensors that the chain's readers see; what is added to them is scaled only."""
    seen = [limits[node] for node in chain.members if node not in chain.branches]
    low, high = torch.stack([a for a, _ in seen]).amin(0), torch.stack([b for _, b in seen]).amax(0)
    middle = (low + high) / 2
    half = (high - low) / 2
    for node in chain.branches:
        half = torch.maximum(half, torch.maximum(-limits[node][0], limits[node][1]))
    scale = (half.max() / half.clamp(min=1e-4)).clamp(1, _LARGEST_SCALE)
    for unit in chain.producers:
        unit.convolution.weight.data *= _per_output(scale)
        unit.bias.data = (unit.bias.data - (0 if unit.output in chain.branches else middle)) * scale
    for reader in chain.readers:
        weight = reader.convolution.weight.data
        reader.bias.data += weight.sum((2, 3)) @ middle
        weight /= scale.view(1, -1, 1, 1)


def _per_output(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1)


def _observe(graph: ChannelGraph, wanted: set[fx.Node], images: NDArray[np.uint8]) -> Limits:
    """Smallest and largest value of each channel of the wanted values over all images."""
    observer = _Observer(graph.module, wanted)
    with torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            batch = torch.from_numpy(np.array(images[start : start + _BATCH]))[:, None]
            observer.run(normalise(batch).to(memory_format=torch.channels_last))
    return {node: (low.clone(), high.clone()) for node, (low, high) in observer.limits.items()}


class _Observer(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, wanted: set[fx.Node]) -> None:
        super().__init__(module)
        self.wanted = wanted
        self.limits: Limits = {}

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n in self.wanted:
            low, high = value.amin((0, 2, 3)), value.amax((0, 2, 3))
            if n in self.limits:
                low, high = torch.minimum(self.limits[n][0], low), torch.maximum(self.limits[n][1], high)
            self.limits[n] = (low, high)
        return value
