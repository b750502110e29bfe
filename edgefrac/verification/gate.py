"""The gate: may this file leave? Each criterion says yes, no, or that there are too few images to tell.

fp32 and fp16 files are compared number by number. An int8 file must keep, on labelled radiographs, its ranking (paired
loss of AUROC), its decisions at the frozen threshold, its calibration and its explanation. With fewer than 50
positives, 50 negatives or 10 groups an int8 file is never passed, and failed only for what an interval puts wholly
beyond its limit. The rules of each criterion are in ``criteria``, the estimate of lost decisions in ``decisions``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgefrac.contract import Precision
from edgefrac.errors import GateError
from edgefrac.verification import criteria as ask
from edgefrac.verification.further import Further, judge_further
from edgefrac.verification.verdict import Change, Criterion, Limits, Outputs, Verdict, worst

__all__ = ["Limits", "Outputs", "Verdict", "judge"]

_FURTHEST = 5


def judge(
    reference: Outputs,
    candidate: Outputs,
    *,
    labels: ArrayLike,
    groups: ArrayLike,
    ids: Sequence[str],
    threshold: float,
    precision: Precision,
    limits: Limits | None = None,
    further: Sequence[Further] = (),
) -> Verdict:
    """Compare ``candidate`` with ``reference`` on the same N images.

    ``labels`` are 0/1 [N], ``groups`` name the patient or id block of each image [N], ``ids`` name the images in the
    list of flips, ``threshold`` is a probability, ``further`` are the model's other tasks. Raises ``GateError`` if the
    reference's own numbers are not finite.
    """
    if reference.not_finite:
        raise GateError(f"the reference network gives NaN or infinity on {reference.not_finite} images")
    finite = ask.finite(candidate)
    if finite.outcome == "failed":
        return Verdict(verdict="failed", precision=precision, criteria=(finite,))
    case = ask.Case(reference, candidate, np.asarray(labels), np.asarray(groups), threshold, limits or Limits())
    criteria = [finite, *ask.reference_ranking(case), *_asked(case, precision)]
    for other in further:
        criteria += judge_further(other, case.groups, precision, case.limits)
    before, after = case.calls
    moved = np.abs(candidate.probability - reference.probability)

    def changes(chosen: NDArray[np.intp]) -> tuple[Change, ...]:
        return tuple(
            Change(
                id=ids[i],
                label=int(case.labels[i]),
                reference=float(reference.probability[i]),
                candidate=float(candidate.probability[i]),
            )
            for i in chosen.tolist()
        )

    return Verdict(
        verdict=worst(c.outcome for c in criteria),
        precision=precision,
        criteria=tuple(criteria),
        flips=changes(np.flatnonzero(before != after)),
        furthest=changes(np.argsort(-moved, kind="stable")[:_FURTHEST]),
        auroc_loss=case.auroc_loss[0],
        max_abs_diff=ask.max_abs_diff(reference.probability, candidate.probability),
        max_abs_diff_evidence=ask.evidence_difference(case),
    )


def _asked(case: ask.Case, precision: Precision) -> list[Criterion]:
    limits = case.limits
    if precision == "fp32":
        return list(ask.differences(case, limits.fp32_probability, limits.fp32_evidence, limits.evidence_relative))
    if precision == "fp16":
        return list(ask.differences(case, limits.fp16_probability, limits.fp16_evidence, limits.evidence_relative))
    return [
        ask.images(case),
        ask.ranking(case),
        ask.sensitivity_loss(case),
        ask.specificity_loss(case),
        ask.flips(case),
        ask.calibration(case),
        *ask.explanation(case),
    ]
