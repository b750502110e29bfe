"""Giving up trials that fall behind. Optuna prunes only where there is one objective, so the rule is our own.

Half way, a trial is held against the median of the earlier ones, as Optuna's median pruner does. But a small, fast
network that is less accurate than large ones has not fallen behind: it may well be on the Pareto front. So a trial is
compared only with those that need no more arithmetic than it does; of these it must be among the better half. What it
reached is kept with the trial in the study's storage, where all machines see it.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from edgefrac.errors import UsageError
from edgefrac.models.inference import infer
from edgefrac.models.network import FractureNet
from edgefrac.pipeline.freezing import HeldOut
from edgefrac.progress import silent
from edgefrac.verification.metrics import auroc


@dataclass(frozen=True)
class Milestone:
    """What a trial reached after some epoch, and the arithmetic that its network needs for one image."""

    auroc: float
    flops: int


def falls_behind(reached: Milestone, others: Sequence[Milestone], startup: int) -> bool:
    """Whether to give a trial up; never where fewer than ``startup`` others need no more arithmetic."""
    comparable = [other.auroc for other in others if other.flops <= reached.flops]
    return len(comparable) >= startup and reached.auroc < statistics.median(comparable)


def flops(architecture: str, size: int) -> int:
    """Floating-point operations of one image of ``size`` px, known before training."""
    network = FractureNet(architecture).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, size, size))
    return int(counter.get_total_flops())


def held_out_auroc(network: FractureNet, held_out: HeldOut) -> float:
    """AUROC of a network in training; raises UsageError where it gives no finite number."""
    logits, _ = infer(network, held_out.images, silent)
    value = auroc(held_out.labels, logits[:, 0]) if np.isfinite(logits).all() else None
    if value is None:
        raise UsageError("training diverged: the network gives no finite number")
    return value
