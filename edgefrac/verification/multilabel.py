"""Figures of tasks with several classes, averaged over the classes, each with its 95 % interval.

A class that a bootstrap replicate lacks does not count in that replicate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.verification.metrics import Floats, auroc
from edgefrac.verification.statistics import ClusterBootstrap, Estimate


def macro_auroc(
    answers: NDArray[np.floating], probability: NDArray[np.floating], groups: NDArray[np.generic]
) -> Estimate:
    """Mean over classes of the AUROC of each against the rest; ``answers`` 0/1 and ``probability`` are [N, K].

    Classes that all images have, or none, do not count. No value where no class is left.
    """
    telling = [k for k in range(answers.shape[1]) if 0 < answers[:, k].sum() < len(answers)]
    if not telling:
        return Estimate()
    areas = [auroc(answers[:, k], probability[:, k]) for k in telling]
    bootstrap = ClusterBootstrap(groups)
    replicates = _mean([bootstrap.auroc(answers[:, k], probability[:, k]) for k in telling])
    return bootstrap.estimate(float(np.mean([area for area in areas if area is not None])), replicates)


def macro_f1(answers: NDArray[np.floating], probability: NDArray[np.floating], groups: NDArray[np.generic]) -> Estimate:
    """Mean over classes of F1 where each image is given the class of highest probability; arrays as above.

    Only images of exactly one class count: telling several apart needs a threshold, naming one does not.
    """
    one = answers.sum(axis=1) == 1
    if not one.any():
        return Estimate()
    true, called = answers[one] == 1, np.eye(answers.shape[1], dtype=bool)[probability[one].argmax(axis=1)]
    bootstrap = ClusterBootstrap(groups[one])
    present = np.flatnonzero(true.any(axis=0))
    values, replicates = [], []
    for k in present:
        hits, wrong = true[:, k] & called[:, k], true[:, k] != called[:, k]
        values.append(2 * hits.sum() / (2 * hits.sum() + wrong.sum()))
        shares = bootstrap.mean(hits), bootstrap.mean(wrong)
        with np.errstate(invalid="ignore"):
            replicates.append(2 * shares[0] / (2 * shares[0] + shares[1]))
    return bootstrap.estimate(float(np.mean(values)), _mean(replicates))


def _mean(by_class: list[Floats]) -> Floats:
    """Mean over classes of what each replicate defines; NaN where it defines none."""
    stacked = np.array(by_class)
    defined = np.isfinite(stacked)
    count = defined.sum(axis=0)
    total = np.where(defined, stacked, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
