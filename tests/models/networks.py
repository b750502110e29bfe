"""A small network that says something: batch statistics of phantoms, evidence of several log-odds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from edgefrac.contract import TrainingData
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.checkpoint import CheckpointInfo, TaskState
from edgefrac.models.network import FRACTURE, FractureNet, TaskSpec, normalise

SIZE = 64
REGION = TaskSpec("region", "multilabel", ("hand", "leg", "hip"))


def phantoms(count: int, seed: int = 11, size: int = SIZE) -> np.ndarray:
    """Network inputs uint8 [N, S, S]."""
    samples = phantom_dataset(count, seed, longer_side=96).samples
    return np.stack([preprocess(sample.read().pixels, size) for sample in samples])


def talkative(tasks: tuple[TaskSpec, ...] = (FRACTURE,), *, seed: int = 1) -> FractureNet:
    """The architecture 'tiny' in eval mode, its probabilities spread over (0, 1)."""
    torch.manual_seed(seed)
    network = FractureNet("tiny", tasks).train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3)
                module.bias.uniform_(-0.3, 0.6)
        images = normalise(torch.from_numpy(phantoms(8)))[:, None]
        for _ in range(30):
            network(images)
        network.head.conv.weight.mul_(60)
        network.eval()
        network.head.bias.copy_(-network(images)[0].mean(0))
    return network


def lively(architecture: str, images: np.ndarray) -> FractureNet:
    """Random weights, the statistics of ``images``, evidence of about one log-odds around nought; in eval mode."""
    torch.manual_seed(5)
    network = FractureNet(architecture).train()
    batch = normalise(torch.from_numpy(images))[:, None]
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3)
                module.bias.uniform_(-0.3, 0.6)
        for _ in range(20):
            network(batch)
        network.eval()
        network.head.conv.weight.mul_(1 / network(batch)[1].std((0, 2, 3)).view(-1, 1, 1, 1))
        network.head.bias.copy_(-network(batch)[0].mean(0))
    return network


def info(tasks: tuple[TaskSpec, ...] = (FRACTURE,), **changes: Any) -> CheckpointInfo:
    """A header for ``talkative``."""
    facts: dict[str, Any] = {
        "name": "talkative",
        "version": "0",
        "architecture": "tiny",
        "input_size": SIZE,
        "tasks": tuple(
            TaskState(
                name=task.name,
                kind=task.kind,  # type: ignore[arg-type]
                classes=task.classes,
                temperature=1.7 + number,
                threshold=0.4,
                threshold_rule="fixed in the test",
            )
            for number, task in enumerate(tasks)
        ),
        "training_data": TrainingData(names=("phantoms",), licence="CC0-1.0", attribution="nobody"),
        "ranges": {"input": (-1.0, 0.9921875)},
        "ranges_source": "the test",
        "metrics": {"auroc": 0.5},
    }
    return CheckpointInfo(**{**facts, **changes})
