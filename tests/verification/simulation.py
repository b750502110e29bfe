"""Simulated classifiers: margins and labels in groups, and what quantization may do to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from edgefrac.verification.gate import Outputs

Floats = NDArray[np.float64]
THRESHOLD = 0.5
SPREAD = 2.3


@dataclass(frozen=True)
class Study:
    """N images with labels and groups, and the reference's outputs."""

    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    reference: Outputs

    @property
    def ids(self) -> list[str]:
        return [f"image-{i:05d}" for i in range(self.labels.size)]

    @property
    def facts(self) -> dict[str, object]:
        return {"labels": self.labels, "groups": self.groups, "ids": self.ids, "threshold": THRESHOLD}


def study(n: int = 900, seed: int = 0, group: int = 3, positives: float = 1 / 3) -> Study:
    """A calibrated classifier of AUROC about 0.95 with 6x5 evidence maps whose mean is the logit."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < positives).astype(np.int64)
    # normal log-odds are calibrated where the class means are a variance apart, about the prior log-odds
    middle = np.log(positives / (1 - positives))
    logit = middle + SPREAD**2 * (labels - 0.5) + rng.normal(0, SPREAD, n)
    maps = rng.normal(0, 2, (n, 6, 5))
    maps += (logit - maps.mean(axis=(1, 2)))[:, None, None]
    return Study(labels, np.arange(n) // group, outputs(logit, maps))


def outputs(logit: Floats, maps: Floats | None) -> Outputs:
    return Outputs(logit, expit(logit), maps)


def shifted(reference: Outputs, noise: float = 0.0, scale: float = 1.0, offset: float = 0.0, seed: int = 1) -> Outputs:
    """The reference with its maps scaled, moved, and noise of ``noise`` log-odds in the logit."""
    rng = np.random.default_rng(seed)
    moved = scale * reference.logit + offset + rng.normal(0, noise, reference.logit.size)
    assert reference.evidence is not None
    maps = reference.evidence * scale + (moved - scale * reference.logit)[:, None, None]
    return outputs(moved, maps + rng.normal(0, noise, maps.shape))
