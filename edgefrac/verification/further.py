"""What the gate asks of tasks beside fracture: numbers as close, decisions as steady, evidence maps as alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import ON_CODES, Precision
from edgefrac.verification.criteria import max_abs_diff
from edgefrac.verification.metrics import evidence_correlation
from edgefrac.verification.statistics import ClusterBootstrap, Estimate, clustered_proportion
from edgefrac.verification.verdict import Criterion, Limits


@dataclass(frozen=True)
class Further:
    """One task's channels: probabilities [N, K] and evidence [N, h, w, K] (or None) before and after."""

    task: str
    threshold: float
    before: NDArray[np.floating]
    after: NDArray[np.floating]
    map_before: NDArray[np.floating] | None
    map_after: NDArray[np.floating] | None


def judge_further(
    case: Further, groups: NDArray[np.generic], precision: Precision, limits: Limits
) -> Iterator[Criterion]:
    """The criteria of one further task, over the N images of ``groups``."""
    if precision in ON_CODES:
        yield _flips(case, groups, limits.flips)
        if case.map_before is not None:
            yield _maps(case, groups, limits.evidence_correlation)
        return
    limit = limits.fp32_probability if precision == "fp32" else limits.fp16_probability
    worst = max_abs_diff(case.before, case.after) or 0.0
    yield Criterion(
        name=f"probability_difference of {case.task}",
        estimate=Estimate(value=worst, method="largest absolute difference"),
        limit=limit,
        outcome="passed" if worst <= limit else "failed",
        explanation=f"largest difference of probability for {case.task} {worst:.2e}, limit {limit:.1e}",
    )


def _flips(case: Further, groups: NDArray[np.generic], limit: float) -> Criterion:
    flipped = (case.before >= case.threshold) != (case.after >= case.threshold)
    share = float(flipped.mean())
    return Criterion(
        name=f"flips of {case.task}",
        estimate=clustered_proportion(flipped.ravel(), np.repeat(groups, flipped.shape[1])),
        limit=limit,
        outcome="passed" if share <= limit else "failed",
        explanation=f"{int(flipped.sum())} of {flipped.size} decisions on {case.task} flip, limit {100 * limit:g} %",
    )


def _maps(case: Further, groups: NDArray[np.generic], limit: float) -> Criterion:
    before, after = case.map_before, case.map_after
    estimate, words = Estimate(), "the file has no evidence map of the reference's shape"
    if before is not None and after is not None and before.shape == after.shape:
        channels = range(before.shape[-1])
        values = np.mean([evidence_correlation(before[..., k], after[..., k]) for k in channels], axis=0)
        bootstrap = ClusterBootstrap(groups)
        estimate = bootstrap.estimate(float(values.mean()), bootstrap.mean(values))
        words = f"evidence maps of {case.task} correlate {estimate.value:.3f} on average, at least {limit:g} asked"
    return Criterion(
        name=f"evidence_correlation of {case.task}",
        estimate=estimate,
        limit=limit,
        outcome="passed" if estimate.value is not None and estimate.value >= limit else "failed",
        explanation=words,
    )
