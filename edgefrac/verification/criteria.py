"""The criteria of the gate, one function each, over a ``Case``: reference and candidate on the same images.

*Bounded* criteria (loss of AUROC, sensitivity, specificity) fail if the estimate is beyond the limit, are undecided
if only the unfavourable end of the two-sided 95 % interval is, and pass if the whole interval is within. *Counted*
ones (differences, flips, calibration, evidence maps) are decided on the estimate, and their interval is reported.

The calibration error is counted because its bins bias it upwards, in both files alike: at gate sizes the spread of its
rise speaks of the bins rather than of the quantization, and no file would ever pass a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edgefrac.verification.decisions import expected_loss
from edgefrac.verification.metrics import Bools, Floats, ece, evidence_correlation
from edgefrac.verification.statistics import (
    ClusterBootstrap,
    Estimate,
    clustered_proportion,
    delong_auroc,
    delong_loss,
    mcnemar,
    tango,
)
from edgefrac.verification.verdict import Criterion, Limits, Outcome, Outputs


@dataclass(frozen=True)
class Case:
    """Reference and candidate on N images with labels 0/1 [N] and groups [N], at the frozen threshold."""

    reference: Outputs
    candidate: Outputs
    labels: NDArray[np.integer]
    groups: NDArray[np.generic]
    threshold: float
    limits: Limits

    @cached_property
    def bootstrap(self) -> ClusterBootstrap:
        """Shared by all criteria, so that all see the same replicates."""
        return ClusterBootstrap(self.groups)

    @property
    def calls(self) -> tuple[Bools, Bools]:
        """Decisions of reference and candidate, bool [N] each."""
        before, after = (o.probability.astype(np.float64) for o in (self.reference, self.candidate))
        return before >= self.threshold, after >= self.threshold

    @property
    def enough(self) -> bool:
        """Whether there are images and groups enough to pass anything."""
        positives, negatives = int((self.labels == 1).sum()), int((self.labels == 0).sum())
        return (
            positives >= self.limits.min_positives
            and negatives >= self.limits.min_negatives
            and self.bootstrap.n_groups >= self.limits.min_groups
        )

    @cached_property
    def auroc_loss(self) -> tuple[Estimate, Estimate]:
        """Paired loss of AUROC by DeLong and by cluster bootstrap, the one with the higher upper bound first."""
        p, q = self.reference.probability, self.candidate.probability
        normal = delong_loss(self.labels, p, q)
        replicates = self.bootstrap.auroc(self.labels, p) - self.bootstrap.auroc(self.labels, q)
        resampled = self.bootstrap.estimate(normal.value, replicates, self.labels == 1)
        first, second = sorted((normal, resampled), key=lambda e: e.high if e.high is not None else 2.0, reverse=True)
        return first, second

    def decide(self, estimate: Estimate, limit: float, *, bounded: bool, contradicted: bool = False) -> Outcome:
        """Outcome of "at most ``limit``" by the rules of the module."""
        if estimate.value is None:
            return "undecided"
        if contradicted or (estimate.low is not None and estimate.low > limit):
            return "failed"
        if not self.enough:
            return "undecided"
        if estimate.value > limit:
            return "failed"
        beyond = bounded and (estimate.high is None or estimate.high > limit)
        return "undecided" if beyond else "passed"


def finite(candidate: Outputs) -> Criterion:
    """No NaN and no infinity in any output."""
    count = candidate.not_finite
    return Criterion(
        name="finite",
        estimate=Estimate(value=count, method="number of images"),
        limit=0,
        outcome="failed" if count else "passed",
        explanation=f"{count} images give NaN or infinity",
    )


def images(case: Case) -> Criterion:
    """Enough positives, negatives and groups for an interval to mean anything."""
    positives, limits = int((case.labels == 1).sum()), case.limits
    negatives = case.labels.size - positives
    return Criterion(
        name="images",
        estimate=Estimate(value=case.labels.size, method="number of images"),
        limit=limits.min_positives + limits.min_negatives,
        outcome="passed" if case.enough else "undecided",
        explanation=(
            f"{positives} positives, {negatives} negatives in {case.bootstrap.n_groups} groups; needed are "
            f"{limits.min_positives}, {limits.min_negatives} in {limits.min_groups}"
        ),
        beside={"positives": positives, "negatives": negatives, "groups": case.bootstrap.n_groups},
    )


def reference_ranking(case: Case) -> Iterator[Criterion]:
    """The reference must not rank fractures significantly below the rest: else labels or classes are swapped."""
    estimate = delong_auroc(case.labels, case.reference.probability)
    if estimate.value is not None and estimate.high is not None:
        yield Criterion(
            name="reference_auroc",
            estimate=estimate,
            limit=0.5,
            outcome="failed" if estimate.high < 0.5 else "passed",
            explanation=f"the reference network itself has AUROC {estimate.value:.3f} on these labels",
        )


def differences(
    case: Case, probability_limit: float, evidence_limit: float, evidence_relative: float
) -> Iterator[Criterion]:
    """Largest absolute difference over every image, for float files."""
    if case.reference.evidence is not None and case.reference.evidence.size:
        evidence_limit += evidence_relative * float(np.abs(case.reference.evidence).max())
    pairs = (
        ("probability", max_abs_diff(case.reference.probability, case.candidate.probability), probability_limit),
        ("evidence", evidence_difference(case), evidence_limit),
    )
    for name, value, limit in pairs:
        if name == "evidence" and case.reference.evidence is None:
            continue
        yield Criterion(
            name=f"{name}_difference",
            estimate=Estimate(value=value, method="largest absolute difference"),
            limit=limit,
            outcome=_at_most(value, limit, any_images=case.labels.size > 0),
            explanation=f"largest difference of {name} {_number(value, '.2e')}, limit {limit:.1e}",
        )


def ranking(case: Case) -> Criterion:
    """Upper bound of the paired loss of AUROC, the more cautious of DeLong and cluster bootstrap."""
    estimate, other = case.auroc_loss
    limit = case.limits.auroc_loss
    return Criterion(
        name="auroc_loss",
        estimate=estimate,
        limit=limit,
        outcome=case.decide(estimate, limit, bounded=True),
        explanation=_sentence("loss of AUROC", estimate, limit),
        beside={"other_low": other.low, "other_high": other.high},
    )


def sensitivity_loss(case: Case) -> Criterion:
    """Loss of sensitivity at the frozen threshold, by the smoothed paired estimate and Tango's interval beside it."""
    return _decision_loss(case, "sensitivity", 1, case.limits.sensitivity_loss)


def specificity_loss(case: Case) -> Criterion:
    """Loss of specificity at the frozen threshold, likewise."""
    return _decision_loss(case, "specificity", 0, case.limits.specificity_loss)


def flips(case: Case) -> Criterion:
    """Share of images on the other side of the threshold."""
    before, after = case.calls
    flipped = before != after
    estimate = clustered_proportion(flipped, case.groups)
    limit = case.limits.flips
    return Criterion(
        name="flips",
        estimate=estimate,
        limit=limit,
        outcome=case.decide(estimate, limit, bounded=False),
        explanation=f"{int(flipped.sum())} of {flipped.size} decisions flip, limit {100 * limit:g} %",
    )


def calibration(case: Case) -> Criterion:
    """Rise of the expected calibration error."""
    before, after = (ece(case.labels, o.probability) for o in (case.reference, case.candidate))
    rise = None if before is None or after is None else after - before
    resampled = case.bootstrap.ece(case.labels, case.candidate.probability) - case.bootstrap.ece(
        case.labels, case.reference.probability
    )
    estimate = case.bootstrap.estimate(rise, resampled)
    limit = case.limits.ece_rise
    return Criterion(
        name="ece_rise",
        estimate=estimate,
        # a bound wholly beyond the limit would speak of the bins too
        outcome=case.decide(Estimate(value=rise), limit, bounded=False),
        limit=limit,
        explanation=_sentence("rise of the calibration error", estimate, limit),
        beside={"reference": before, "candidate": after},
    )


def explanation(case: Case) -> Iterator[Criterion]:
    """Mean Pearson correlation of the evidence maps; nothing to ask where the reference has none."""
    reference, candidate = case.reference.evidence, case.candidate.evidence
    if reference is None:
        return
    limit = case.limits.evidence_correlation
    estimate, words = Estimate(), "the file has no evidence map of the reference's shape"
    outcome: Outcome = "failed"
    if candidate is not None and candidate.shape == reference.shape:
        values = evidence_correlation(reference, candidate)
        mean = float(values.mean()) if values.size else None
        estimate = case.bootstrap.estimate(mean, case.bootstrap.mean(values))
        flipped = Estimate(
            value=_minus(estimate.value), low=_minus(estimate.high), high=_minus(estimate.low)
        )  # "at least" as "at most"
        outcome = case.decide(flipped, -limit, bounded=False)
        words = f"evidence maps correlate {_number(mean, '.3f')} on average, at least {limit:g} asked"
    yield Criterion(name="evidence_correlation", estimate=estimate, limit=limit, outcome=outcome, explanation=words)


def max_abs_diff(reference: NDArray[np.floating], candidate: NDArray[np.floating]) -> float | None:
    """Largest absolute difference, None without images."""
    difference = np.abs(reference.astype(np.float64) - candidate.astype(np.float64))
    return float(difference.max()) if difference.size else None


def evidence_difference(case: Case) -> float | None:
    """Largest absolute difference of evidence, None where it cannot be compared."""
    reference, candidate = case.reference.evidence, case.candidate.evidence
    if reference is None or candidate is None or reference.shape != candidate.shape:
        return None
    return max_abs_diff(reference, candidate)


def _decision_loss(case: Case, name: str, label: int, limit: float) -> Criterion:
    members = case.labels == label
    sign = 1.0 if label == 1 else -1.0
    reference = case.reference.logit.astype(np.float64)
    margin: Floats = sign * (reference - np.log(case.threshold / (1 - case.threshold)))
    shift: Floats = sign * (case.candidate.logit.astype(np.float64) - reference)
    estimate = expected_loss(margin, shift, members, case.bootstrap)
    before, after = (calls[members] == label for calls in case.calls)
    lost, gained = int((before & ~after).sum()), int((~before & after).sum())
    counted = tango(lost, gained, before.size)
    contradicted = counted.low is not None and counted.low > limit
    words = _sentence(f"loss of {name}", estimate, limit)
    if contradicted:
        words += f"; as counted {lost} lost and {gained} gained of {before.size}, significantly more than the limit"
    return Criterion(
        name=f"{name}_loss",
        estimate=estimate,
        limit=limit,
        outcome=case.decide(estimate, limit, bounded=True, contradicted=contradicted),
        explanation=words,
        beside={
            "lost": lost,
            "gained": gained,
            "counted_loss": counted.value,
            "tango_low": counted.low,
            "tango_high": counted.high,
            "mcnemar_p": mcnemar(lost, gained),
        },
    )


def _at_most(value: float | None, limit: float, *, any_images: bool) -> Outcome:
    if not any_images:
        return "undecided"
    return "passed" if value is not None and value <= limit else "failed"


def _sentence(what: str, estimate: Estimate, limit: float) -> str:
    upper = f", at most {estimate.high:z.4f} (95 % interval)" if estimate.high is not None else ""
    return f"{what} {_number(estimate.value, 'z.4f')}{upper}, limit {limit:g}"


def _number(value: float | None, form: str) -> str:
    return "cannot be computed" if value is None else format(value, form)


def _minus(value: float | None) -> float | None:
    return None if value is None else -value
