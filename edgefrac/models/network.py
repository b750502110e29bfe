"""The network: backbone, evidence-map head, and the tasks its channels answer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from edgefrac.errors import UsageError
from edgefrac.models.head import EvidenceHead
from edgefrac.models.registry import create


@dataclass(frozen=True)
class TaskSpec:
    """One question before calibration: ``binary`` (one channel) or ``multilabel`` (one channel per class)."""

    name: str
    kind: str
    classes: tuple[str, ...]

    @property
    def channels(self) -> int:
        """Number of output channels."""
        return 1 if self.kind == "binary" else len(self.classes)


FRACTURE = TaskSpec("fracture", "binary", ("no fracture", "fracture"))


class FractureNet(nn.Module):
    """float32 (B, 1, S, S), values (x - 128) / 128 -> logits (B, K) and evidence map (B, K, h, w).

    Cells of the map are ``map_stride`` pixels wide: the features' ``stride``, or its ``refinement``-th part.
    """

    def __init__(
        self,
        backbone: str,
        tasks: tuple[TaskSpec, ...] = (FRACTURE,),
        *,
        pretrained: bool = False,
        refinement: int = 1,
    ) -> None:
        super().__init__()
        built = create(backbone, pretrained=pretrained)
        self.architecture = backbone
        self.tasks = tasks
        self.folded_architecture = built.folded or backbone
        self.stride = built.stride
        self.stages = built.stages
        self.features = built.features
        self.head = EvidenceHead(built.channels, sum(task.channels for task in tasks), refinement)

    @property
    def map_stride(self) -> int:
        """Pixels a cell of the evidence map."""
        return self.stride // self.head.refinement

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits, evidence = self.head(self.features(image))
        return logits, evidence


def refined(network: FractureNet, refinement: int) -> FractureNet:
    """``network`` with a map ``refinement`` times finer than its features, in place: the same map in finer cells.

    A finer map is not made coarser: raises UsageError.
    """
    head = network.head
    if head.refinement not in (1, refinement):
        raise UsageError(f"a network whose map is refined {head.refinement} times cannot be refined {refinement} times")
    copies = (refinement // head.refinement) ** 2
    finer = EvidenceHead(head.conv.in_channels, len(head.bias), refinement)
    finer.load_state_dict({"conv.weight": head.conv.weight.repeat(copies, 1, 1, 1), "bias": head.bias})
    network.head = finer
    return network


def channels_last(module: nn.Module) -> nn.Module:
    """``module`` with its weights in the memory format that is twice as fast for these networks on CPUs."""
    moved: nn.Module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def normalise(image: torch.Tensor) -> torch.Tensor:
    """uint8 network input -> float32 in [-1, 1): (x - 128) / 128, exact in binary."""
    return (image.float() - 128.0) / 128.0
