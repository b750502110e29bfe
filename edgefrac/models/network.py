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

    Cells of the map are ``map_stride`` pixels wide: the features' ``stride``, or its ``refinement``-th part. With 2
    ``scales`` the map also reads what the last stage of half that stride gives.
    """

    def __init__(
        self,
        backbone: str,
        tasks: tuple[TaskSpec, ...] = (FRACTURE,),
        *,
        pretrained: bool = False,
        refinement: int = 1,
        scales: int = 1,
    ) -> None:
        super().__init__()
        built = create(backbone, pretrained=pretrained)
        self.architecture = backbone
        self.tasks = tasks
        self.folded_architecture = built.folded or backbone
        self.stride = built.stride
        self.stages = built.stages
        self.features = built.features
        self.early_stages, earlier = _stages_before_last_scale(built.stages) if scales == 2 else (0, 0)
        self.head = EvidenceHead(built.channels, sum(task.channels for task in tasks), refinement, earlier)

    @property
    def map_stride(self) -> int:
        """Pixels a cell of the evidence map."""
        return self.stride // self.head.refinement

    @property
    def scales(self) -> int:
        """How many scales of features the map adds up: 1 or 2."""
        return 1 if self.head.earlier is None else 2

    def cells(self, image: torch.Tensor) -> torch.Tensor:
        """The evidence map before its cells are laid out, see ``EvidenceHead.cells``."""
        return self.head.cells(*self.read(image))

    def read(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The features that the head reads: the last ones, and those of half their stride where there are 2 scales."""
        if self.head.earlier is None:
            return self.features(image), None
        earlier = _through(self.stages[: self.early_stages], image)
        return _through(self.stages[self.early_stages :], earlier), earlier

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.head.readout(self.cells(image))


def evidence_cells(network: FractureNet) -> nn.Module:
    """``network.cells`` as a module of its own: what targets convert, all of a network up to its last convolution."""
    if network.head.earlier is None:
        return nn.Sequential(network.features, network.head.conv)
    return _TwoScales(network.stages, network.early_stages, network.head)


class _TwoScales(nn.Module):
    def __init__(self, stages: tuple[nn.Module, ...], early: int, head: EvidenceHead) -> None:
        super().__init__()
        self.early, self.late, self.head = nn.Sequential(*stages[:early]), nn.Sequential(*stages[early:]), head

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        earlier = self.early(image)
        return self.head.cells(self.late(earlier), earlier)


def refined(network: FractureNet, refinement: int) -> FractureNet:
    """``network`` with a map ``refinement`` times finer than its features, in place: the same map in finer cells.

    A finer map is not made coarser: raises UsageError.
    """
    head = network.head
    if head.refinement not in (1, refinement):
        raise UsageError(f"a network whose map is refined {head.refinement} times cannot be refined {refinement} times")
    copies = (refinement // head.refinement) ** 2
    earlier = 0 if head.earlier is None else head.earlier.in_channels
    finer = EvidenceHead(head.conv.in_channels, len(head.bias), refinement, earlier)
    weights = {
        name: value if name == "bias" else value.repeat(copies, *[1] * (value.ndim - 1))
        for name, value in head.state_dict().items()
    }
    finer.load_state_dict(weights)
    network.head = finer
    return network


def with_scales(network: FractureNet, scales: int) -> FractureNet:
    """``network`` with a map of so many scales, in place; what a second scale adds is nought at first.

    A scale is not taken away: raises UsageError.
    """
    if scales < network.scales:
        raise UsageError(f"a network whose map adds up {network.scales} scales cannot do with {scales}")
    if scales > network.scales:
        head = network.head
        network.early_stages, earlier = _stages_before_last_scale(network.stages)
        network.head = EvidenceHead(head.conv.in_channels, len(head.bias), head.refinement, earlier)
        network.head.load_state_dict(head.state_dict(), strict=False)
    return network


def _stages_before_last_scale(stages: tuple[nn.Module, ...]) -> tuple[int, int]:
    """How many stages give features of half the last one's stride, and the channels of those features."""
    value = torch.zeros(1, 1, 64, 64)
    modes = [(module, module.training) for stage in stages for module in stage.modules()]
    shapes = []
    with torch.no_grad():
        for stage in stages:
            value = stage.eval()(value)  # so that no statistics are taken
            shapes.append(value.shape)
    for module, training in modes:
        module.training = training
    chosen = max(number for number, shape in enumerate(shapes) if shape[-1] == 2 * value.shape[-1])
    return chosen + 1, int(shapes[chosen][1])


def _through(stages: tuple[nn.Module, ...], value: torch.Tensor) -> torch.Tensor:
    for stage in stages:
        value = stage(value)
    return value


def channels_last(module: nn.Module) -> nn.Module:
    """``module`` with its weights in the memory format that is twice as fast for these networks on CPUs."""
    moved: nn.Module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def normalise(image: torch.Tensor) -> torch.Tensor:
    """uint8 network input -> float32 in [-1, 1): (x - 128) / 128, exact in binary."""
    return (image.float() - 128.0) / 128.0
