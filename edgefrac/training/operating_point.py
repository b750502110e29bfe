"""What validation chooses once and the contract freezes: calibration and threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize

_WIDEST = 1000.0
_SMALLEST = 1e-6


@dataclass(frozen=True)
class Calibration:
    """``probability = sigmoid((logit + bias) / temperature)``."""

    temperature: float
    bias: float

    def probability(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated probabilities of uncalibrated logits, same shape."""
        return 1.0 / (1.0 + np.exp(-(logits.astype(np.float64) + self.bias) / self.temperature))


def calibrate(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> Calibration:
    """Platt scaling (Platt 1999) by maximum likelihood on validation, his smoothed targets against overfitting.

    The bias also undoes the class balance that sampling gave the training set. Logits that say nothing of the labels
    would be divided by infinity; a thousand times their spread is enough, and float32 still tells them apart.
    """
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    targets = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    values = logits.astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> float:
        scores = values * np.exp(parameters[0]) + parameters[1]
        return float(np.mean(np.logaddexp(0.0, scores) - targets * scores))

    least = -math.log(_WIDEST * max(float(values.std()), _SMALLEST))
    bounds = Bounds([least, -math.inf], [math.inf, math.inf])
    start = np.array([max(0.0, least), 0.0])
    fitted = minimize(loss, start, method="Nelder-Mead", bounds=bounds, options={"xatol": 1e-6, "fatol": 1e-10})
    slope, offset = fitted.x
    return Calibration(temperature=float(np.exp(-slope)), bias=float(offset * np.exp(-slope)))


def choose_threshold(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], minimum_sensitivity: float
) -> float:
    """Largest threshold whose sensitivity on validation is at least ``minimum_sensitivity``.

    It lies halfway between the last accepted positive and the next score below it, so that no validation image sits
    on the decision boundary.
    """
    positives = np.sort(probabilities[labels == 1])[::-1]
    # 0.55 * 100 is a little more than 55 in floating point
    accepted = positives[math.ceil(minimum_sensitivity * len(positives) - 1e-9) - 1]
    below = probabilities[probabilities < accepted]
    midpoint = (accepted + (below.max() if len(below) else 0.0)) / 2
    return float(np.clip(midpoint, 1e-6, 1 - 1e-6))
