"""Freeze a network's operating points on its held-out radiographs: each task's calibration and threshold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgefrac.models.checkpoint import TaskState
from edgefrac.models.inference import infer
from edgefrac.models.network import FractureNet, TaskSpec
from edgefrac.progress import Track
from edgefrac.training.fit import all_answers
from edgefrac.training.operating_point import Calibration, calibrate, choose_threshold

_EVEN = 0.5


@dataclass(frozen=True)
class HeldOut:
    """Network inputs uint8 [N, S, S] and labels [N] of radiographs that training never saw.

    ``further`` float32 [N, K - 1] are the answers to questions beside fracture, NaN where they are not known.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    further: NDArray[np.float32] | None = None

    @cached_property
    def answers(self) -> NDArray[np.float32]:
        """Answers to all questions, float32 [N, K], fracture first."""
        return all_answers(self.labels, self.further)


def freeze(
    network: FractureNet, held_out: HeldOut, minimum_sensitivity: float, track: Track
) -> tuple[tuple[TaskState, ...], NDArray[np.float64]]:
    """Choose each task's calibration and threshold; biases go into ``network``. Also returns the probabilities [N, K].

    A task of several classes has one temperature and one bias for all of them, and the threshold 0.5.
    """
    logits, _ = infer(network, held_out.images, track)
    states, probabilities, first = [], [], 0
    for task in network.tasks:
        channels = slice(first, first + task.channels)
        calibration = _calibrate(logits[:, channels], held_out.answers[:, channels])
        network.head.bias.data[channels] += calibration.bias
        probabilities.append(calibration.probability(logits[:, channels]))
        states.append(_state(task, calibration, probabilities[-1], held_out.labels, minimum_sensitivity))
        first = channels.stop
    return tuple(states), np.concatenate(probabilities, axis=1)


def _calibrate(logits: NDArray[np.float32], answers: NDArray[np.float32]) -> Calibration:
    known = ~np.isnan(answers)
    return calibrate(logits[known], answers[known].astype(np.int64))


def _state(
    task: TaskSpec,
    calibration: Calibration,
    probability: NDArray[np.float64],
    labels: NDArray[np.int64],
    minimum_sensitivity: float,
) -> TaskState:
    binary = task.kind == "binary"
    rule = f"largest with sensitivity >= {minimum_sensitivity:.2f} on validation" if binary else "even odds"
    return TaskState(
        name=task.name,
        kind="binary" if binary else "multilabel",
        classes=task.classes,
        temperature=calibration.temperature,
        threshold=choose_threshold(probability[:, 0], labels, minimum_sensitivity) if binary else _EVEN,
        threshold_rule=rule,
    )
