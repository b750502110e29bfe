"""A network in the form targets convert: calibrated probability and evidence map from one normalised image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import nn

from edgefrac.contract import Contract, Familiar, Input, Output, Precision, Task, TrainingData
from edgefrac.models.checkpoint import CheckpointInfo
from edgefrac.models.head import depth_to_space
from edgefrac.models.network import FractureNet, evidence_cells


class ExportNet(nn.Module):
    """float32 (1, 1, S, S), values (x - 128) / 128 -> probability (1, K) and evidence map (1, K, h, w).

    ``evidence`` gives the map before its cells are laid out ``refinement`` times finer (``head.depth_to_space``).
    Calibration is part of the graph: probability = sigmoid((mean(evidence) + bias) / temperature), per channel.
    """

    inverse_temperature: torch.Tensor
    offset: torch.Tensor

    def __init__(self, evidence: nn.Module, bias: torch.Tensor, temperature: torch.Tensor, refinement: int = 1) -> None:
        super().__init__()
        self.evidence = evidence
        self.refinement = refinement
        self.register_buffer("inverse_temperature", (1.0 / temperature.double()).float())
        self.register_buffer("offset", (bias.double() / temperature.double()).float())

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        evidence = depth_to_space(self.evidence(image), self.refinement)
        return self.probability(evidence.mean((2, 3))), evidence

    def probability(self, mean: torch.Tensor) -> torch.Tensor:
        """Calibrated probability (1, K) of the mean (1, K) over the evidence map."""
        return torch.sigmoid(mean * self.inverse_temperature + self.offset)


@dataclass(frozen=True)
class Identity:
    """Where a network comes from, as its contract will state it."""

    name: str
    version: str
    architecture: str
    checkpoint_sha256: str
    training_data: TrainingData
    source_commit: str = ""
    familiar: Familiar | None = None


@dataclass(frozen=True)
class Exportable:
    """What an export needs: the module, its geometry, and its tasks as the contract will state them.

    ``has_evidence`` is False for a foreign network whose head gives no exact evidence map; ``module`` then returns the
    probability alone, and ``evidence_statement`` says why.
    """

    module: nn.Module
    size: int
    map_size: tuple[int, int]
    tasks: tuple[Task, ...]
    has_evidence: bool = True
    evidence_statement: str = "mean(evidence) + bias = logit"

    @property
    def channels(self) -> int:
        """Number of output channels K."""
        return sum(task.channels for task in self.tasks)

    def weights_sha256(self) -> str:
        """Hex SHA-256 over all parameters and buffers, for a network that has no checkpoint file."""
        digest = hashlib.sha256()
        for name, value in sorted(self.module.state_dict().items()):
            digest.update(name.encode("utf-8"))
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def contract(self, precision: Precision, identity: Identity, calibration: str = "") -> Contract:
        """The contract of a file made from this network in ``precision``."""
        outputs = [Output(name="probability", shape=(1, self.channels), index=0)]
        if self.has_evidence:
            outputs.append(Output(name="evidence", shape=(1, *self.map_size, self.channels), index=1))
        return Contract(
            **vars(identity),
            precision=precision,
            input=Input(shape=(1, self.size, self.size, 1)),
            outputs=tuple(outputs),
            tasks=self.tasks,
            calibration=calibration,
            evidence=self.evidence_statement,
        )


def identify(info: CheckpointInfo, sha256: str) -> Identity:
    """The identity of the checkpoint with header ``info`` and file hash ``sha256``."""
    return Identity(
        info.name, info.version, info.architecture, sha256, info.training_data, info.source_commit, info.familiar
    )


def from_checkpoint(network: FractureNet, info: CheckpointInfo) -> Exportable:
    """The export form of a trained network with the calibration its checkpoint froze."""
    tasks, first = [], 0
    biases = network.head.bias.detach()
    for state in info.tasks:
        width = 1 if state.kind == "binary" else len(state.classes)
        bias = tuple(float(b) for b in biases[first : first + width])
        tasks.append(Task(**state.model_dump(), first_channel=first, bias=bias))
        first += width
    temperature = torch.tensor([task.temperature for task in tasks for _ in range(task.channels)])
    evidence = evidence_cells(network)
    side = -(-info.input_size // network.stride) * network.head.refinement
    module = ExportNet(evidence, biases, temperature, network.head.refinement).eval()
    return Exportable(module, info.input_size, (side, side), tuple(tasks))
