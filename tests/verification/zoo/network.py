"""The zoo's network: it tells arms from the rest on phantoms, which twenty thousand parameters learn in seconds.

Fractures of 64 × 64 pixels they would not learn, and a network that decides nothing shows no fault in its decisions.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from edgefrac.models.folding import fold, halve
from edgefrac.models.network import FractureNet, TaskSpec, normalise
from tests.models.networks import info

ARM = TaskSpec("arm", "binary", ("other", "arm"))
FRONTAL = TaskSpec("frontal", "binary", ("other view", "frontal"))
TASKS = (ARM, FRONTAL)
INFO = info(TASKS, name="zoo")
_EPOCHS, _BATCH = 9, 32


@dataclass(frozen=True)
class Trained:
    """The network as trained and as exported, and an earlier state as it would be exported."""

    unfolded: FractureNet
    network: FractureNet
    stale: FractureNet


def answers(part: str, view: str) -> tuple[int, int]:
    """The labels of a phantom in the order of ``TASKS``."""
    return int(part in ("hand", "forearm", "shoulder")), int(view == "frontal")


def train(images: NDArray[np.uint8], labels: NDArray[np.float32]) -> Trained:
    """Images uint8 [N, S, S], labels [N, 2]; on one thread, so that it always gives nearly the same network."""
    torch.manual_seed(7)  # int8 loses nothing that counts of this network, so what is lost is the fault
    network = FractureNet("tiny", TASKS).train()
    inputs, targets = normalise(torch.from_numpy(images))[:, None], torch.from_numpy(labels)
    steps = _EPOCHS * (len(images) // _BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=steps)
    stale = copy.deepcopy(network)
    for epoch in range(_EPOCHS):
        for batch in torch.randperm(len(images))[: len(images) // _BATCH * _BATCH].view(-1, _BATCH):
            loss = binary_cross_entropy_with_logits(network(inputs[batch])[0], targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        if epoch == _EPOCHS * 2 // 3:
            stale = copy.deepcopy(network)
    network.eval()
    return Trained(network, halve(fold(copy.deepcopy(network))), halve(fold(stale)))
