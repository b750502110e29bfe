"""The figures of one model on one data set, each with its 95 % interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict

from edgefrac.verification import metrics
from edgefrac.verification.statistics import (
    ClusterBootstrap,
    Estimate,
    clustered_proportion,
    delong_auroc,
    newcombe_auroc,
)


class Figures(BaseModel):
    """n images of which some are positive; figures that the data cannot define have no value."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    n: int
    positives: int
    groups: int
    threshold: float
    auroc: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ece: Estimate
    brier: Estimate


def figures(labels: ArrayLike, probability: ArrayLike, groups: ArrayLike, threshold: float) -> Figures:
    """Figures at ``threshold`` for labels 0/1 [N], probabilities [N] and the patients or id blocks [N]."""
    y, p, g = np.asarray(labels), np.asarray(probability, np.float64), np.asarray(groups)
    bootstrap = ClusterBootstrap(g)
    called, positive = p >= threshold, y == 1
    return Figures(
        n=y.size,
        positives=int(positive.sum()),
        groups=bootstrap.n_groups,
        threshold=threshold,
        auroc=_auroc(y, p, g, bootstrap),
        sensitivity=clustered_proportion(called[positive], g[positive]),
        specificity=clustered_proportion(~called[~positive], g[~positive]),
        ece=bootstrap.estimate(metrics.ece(y, p), bootstrap.ece(y, p)),
        brier=bootstrap.estimate(metrics.brier(y, p), bootstrap.mean((p - y) ** 2)),
    )


def _auroc(y: np.ndarray, p: np.ndarray, g: np.ndarray, bootstrap: ClusterBootstrap) -> Estimate:
    """The wider of DeLong and cluster bootstrap, neither of which has a width where the classes separate perfectly."""
    normal = delong_auroc(y, p)
    if normal.value is None:
        return Estimate(value=metrics.auroc(y, p), method="DeLong")
    if normal.value in (0.0, 1.0):
        return newcombe_auroc(normal.value, np.unique(g[y == 1]).size, np.unique(g[y == 0]).size)
    resampled = bootstrap.estimate(normal.value, bootstrap.auroc(y, p), y == 1)
    return max(normal, resampled, key=lambda estimate: estimate.width)
