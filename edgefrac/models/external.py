"""Any torch network, by ``package.module:factory``, and the exact evidence map its own head allows.

A head of global average pooling and one linear layer (ResNet, MobileNetV2, EfficientNet, ConvNeXt without its norm …)
*is* an evidence map: mean(features) · W + b = mean(features · W) + b. Whether a network has such a head is not guessed
from its name but tested on numbers: the input of its last linear layer must equal the spatial mean of a feature map.
"""

from __future__ import annotations

import copy
import importlib
from typing import Any

import torch
from torch import fx, nn

from edgefrac.contract import Task
from edgefrac.errors import CheckpointError, UsageError
from edgefrac.models.channel_graph import traced
from edgefrac.models.exportable import Exportable, ExportNet
from edgefrac.models.folding import merge_branches

_PROBE = 96


class _Evidence(nn.Module):
    """Feature map of ``network`` at ``layer`` times the rows of its last linear layer: (B, K, h, w).

    ``features`` are the network's own layers up to there. Where they cannot be traced, the whole network runs and a
    hook keeps what the layer gives.
    """

    def __init__(self, network: nn.Module, layer: nn.Module, weight: torch.Tensor, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.conv = nn.Conv2d(weight.shape[1], weight.shape[0], 1, bias=False)
        self.conv.weight.data = weight.detach()[:, :, None, None].clone()
        self.features = _up_to(network, layer, channels) or _Hooked(network, layer)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        evidence: torch.Tensor = self.conv(self.features(self._coloured(image)))
        return evidence

    def _coloured(self, image: torch.Tensor) -> torch.Tensor:
        return image if self.channels == 1 else image.expand(-1, self.channels, -1, -1)


class _Hooked(nn.Module):
    """What ``layer`` gives while the whole of ``network`` runs."""

    def __init__(self, network: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._features: list[torch.Tensor] = []
        layer.register_forward_hook(self._keep)  # a bound method: a deep copy's hook then feeds the copy

    def _keep(self, module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        self._features.append(output)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self._features.clear()
        self.network(image)
        return self._features.pop()


class _Recorder(fx.Interpreter):
    """Runs a graph and remembers what each node gives."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.given: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        self.given[n] = super().run_node(n)
        return self.given[n]


def _up_to(network: nn.Module, layer: nn.Module, channels: int) -> nn.Module | None:
    """The network's graph up to what ``layer`` gives; None where it cannot be traced, or is not found in the graph.

    It is found by its numbers: a layer may be a container, of which the graph knows only the parts.
    """
    module = traced(network)
    if module is None:
        return None
    sample = torch.randn(1, channels, _PROBE, _PROBE, generator=torch.Generator().manual_seed(1))
    kept: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda m, inputs, output: kept.append(output))
    recorder = _Recorder(module)
    with torch.no_grad():
        network(sample)
        hook.remove()
        recorder.run(sample)
    nodes = [n for n, given in recorder.given.items() if isinstance(given, torch.Tensor) and _same(given, kept[-1])]
    if not nodes:
        return None
    end = next(node for node in module.graph.nodes if node.op == "output")
    end.args = (nodes[-1],)  # an activation in place makes what it reads look the same
    module.graph.eliminate_dead_code()
    return fx.GraphModule(module, module.graph).eval()


def _same(given: torch.Tensor, wanted: torch.Tensor) -> bool:
    return given.shape == wanted.shape and torch.equal(given, wanted)


class _Opaque(nn.Module):
    """Probability alone, for a network whose head gives no exact evidence map."""

    def __init__(self, network: nn.Module, channels: int, difference: bool) -> None:
        super().__init__()
        self.network, self.channels, self.difference = network, channels, difference

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits = self.network(image.expand(-1, self.channels, -1, -1))
        return torch.sigmoid(logits[:, 1:] - logits[:, :1] if self.difference else logits)


def load_external(spec: str, size: int) -> Exportable:
    """Build ``package.module:factory``'s network for one fracture channel, input values (x - 128) / 128.

    The network takes (B, 1 or 3, S, S) and returns (B, 1) logits, or (B, 2) logits for (no fracture, fracture). Raises
    UsageError where it cannot be found, CheckpointError where it is no such network.
    """
    network = _build(spec)
    channels, outputs = _geometry(spec, network, size)
    network = _merged(network, channels, size)
    found = _pooled_features(network, channels, size)
    task = Task(
        name="fracture",
        kind="binary",
        classes=("no fracture", "fracture"),
        bias=(0.0,),
        temperature=1.0,
        threshold=0.5,
        threshold_rule="0.5, not chosen on validation",
    )
    if isinstance(found, str):
        module: nn.Module = _Opaque(network, channels, outputs == 2)
        return Exportable(module.eval(), size, (0, 0), (task,), has_evidence=False, evidence_statement=found)
    layer, linear = found
    weight = linear.weight[1:] - linear.weight[:1] if outputs == 2 else linear.weight
    bias = linear.bias.detach() if linear.bias is not None else torch.zeros(outputs)
    bias = bias[1:] - bias[:1] if outputs == 2 else bias
    evidence = _Evidence(network, layer, weight, channels)
    with torch.no_grad():
        rows, columns = evidence(torch.zeros(1, 1, size, size)).shape[2:]
    task = task.model_copy(update={"bias": (float(bias[0]),)})
    return Exportable(ExportNet(evidence, bias, torch.ones(1)).eval(), size, (rows, columns), (task,))


def _build(spec: str) -> nn.Module:
    module_name, _, factory = spec.partition(":")
    if not (module_name and factory):
        raise UsageError(f"--model {spec}: not of the form package.module:factory")
    try:
        network = getattr(importlib.import_module(module_name), factory)()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"--model {spec}: {error}", hint="is the module on PYTHONPATH?") from error
    except Exception as error:  # foreign code may raise anything
        raise UsageError(f"--model {spec}: the factory fails ({error})") from error
    if not isinstance(network, nn.Module):
        raise UsageError(f"--model {spec}: the factory returned a {type(network).__name__}, not a torch.nn.Module")
    return network.eval()


def _merged(network: nn.Module, channels: int, size: int) -> nn.Module:
    """The network as it is deployed: branches that only training needs are one convolution (RepVGG, MobileOne).

    Left as it is where it has none, or computes something else without them.
    """
    if not any(hasattr(module, "reparameterize") for module in network.modules()):
        return network
    merged = copy.deepcopy(network)
    merge_branches(merged)
    image = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        same = torch.allclose(merged(image), network(image), rtol=1e-4, atol=1e-4)
    return merged if same else network


def _geometry(spec: str, network: nn.Module, size: int) -> tuple[int, int]:
    """Input channels (1 or 3) and output width (1 or 2)."""
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    channels = first.in_channels if first is not None else 1
    try:
        with torch.no_grad():
            output = network(torch.zeros(1, channels, size, size))
    except Exception as error:  # foreign code may raise anything
        raise CheckpointError(f"--model {spec}: the network fails on a {size} px image ({error})") from error
    if (
        not isinstance(output, torch.Tensor)
        or output.ndim != 2
        or output.shape[1] not in (1, 2)
        or channels not in (1, 3)
    ):
        got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise CheckpointError(
            f"--model {spec}: expected logits of shape (B, 1) or (B, 2) from 1 or 3 channels, got {got} from {channels}"
        )
    return channels, int(output.shape[1])


def _pooled_features(network: nn.Module, channels: int, size: int) -> tuple[nn.Module, nn.Linear] | str:
    """The layer whose spatial mean feeds the last linear layer, and that layer; or why there is none."""
    linears = [m for m in network.modules() if isinstance(m, nn.Linear)]
    if not linears:
        return "no exact evidence map: the network does not end in a linear layer"
    seen: dict[nn.Module, Any] = {}
    hooks = [
        module.register_forward_hook(lambda m, inputs, output: seen.__setitem__(m, (inputs, output)))
        for module in network.modules()
    ]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        result = network(torch.randn(2, channels, size, size, generator=generator))
    for hook in hooks:
        hook.remove()
    linear = linears[-1]
    if linear not in seen or not torch.equal(seen[linear][1], result):
        return "no exact evidence map: something follows the network's last linear layer"
    pooled = seen[linear][0][0]
    for module, (_, output) in reversed(seen.items()):
        if _is_feature_map(output, pooled) and torch.allclose(output.mean((2, 3)), pooled, rtol=1e-4, atol=1e-5):
            return module, linear
    return "no exact evidence map: the last linear layer does not act on the spatial mean of a feature map"


def _is_feature_map(output: Any, pooled: torch.Tensor) -> bool:
    """Whether a layer's output is (B, C, h, w) of more than one cell, with the channels of ``pooled`` (B, C)."""
    return (
        isinstance(output, torch.Tensor)
        and output.ndim == 4
        and output.shape[2] * output.shape[3] > 1
        and output.shape[:2] == pooled.shape
    )
