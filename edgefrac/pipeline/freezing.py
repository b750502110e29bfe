"""Freeze a network's operating point on its held-out radiographs: calibration, temperature and threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefrac.models.checkpoint import TaskState
from edgefrac.models.inference import infer
from edgefrac.models.network import FRACTURE, FractureNet
from edgefrac.progress import Track
from edgefrac.training.operating_point import calibrate, choose_threshold


@dataclass(frozen=True)
class HeldOut:
    """Network inputs uint8 [N, S, S] and labels [N] of radiographs that training never saw."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def freeze(
    network: FractureNet, held_out: HeldOut, minimum_sensitivity: float, track: Track
) -> tuple[TaskState, NDArray[np.float64]]:
    """Choose calibration and threshold; the bias goes into ``network``. Also returns the probabilities [N]."""
    logits, _ = infer(network, held_out.images, track)
    calibration = calibrate(logits[:, 0], held_out.labels)
    probability = calibration.probability(logits[:, 0])
    network.head.bias.data += calibration.bias
    state = TaskState(
        name=FRACTURE.name,
        kind="binary",
        classes=FRACTURE.classes,
        temperature=calibration.temperature,
        threshold=choose_threshold(probability, held_out.labels, minimum_sensitivity),
        threshold_rule=f"largest with sensitivity >= {minimum_sensitivity:.2f} on validation",
    )
    return state, probability
