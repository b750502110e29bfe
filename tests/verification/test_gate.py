"""The gate on simulated files: what must pass, fail, or be left undecided."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from edgefrac.errors import GateError
from edgefrac.verification.gate import Limits, Outputs, Verdict, judge
from tests.verification.simulation import THRESHOLD, outputs, shifted, study

STUDY = study()


def outcome(verdict: Verdict, name: str) -> str:
    return next(c.outcome for c in verdict.criteria if c.name == name)


def test_a_good_int8_file_passes_every_criterion() -> None:
    verdict = judge(STUDY.reference, shifted(STUDY.reference, 0.03), **STUDY.facts, precision="int8")
    assert verdict.verdict == "passed", verdict.reasons
    assert [c.name for c in verdict.criteria] == [
        "finite",
        "reference_auroc",
        "images",
        "auroc_loss",
        "sensitivity_loss",
        "specificity_loss",
        "flips",
        "ece_rise",
        "evidence_correlation",
    ]
    assert verdict.reasons == []
    assert verdict.auroc_loss.interval is not None and verdict.max_abs_diff is not None


@pytest.mark.parametrize(
    ("candidate", "failed"),
    [
        (shifted(STUDY.reference, 1.2), "auroc_loss"),
        (shifted(STUDY.reference, 0.02, offset=-0.25), "sensitivity_loss"),
        (shifted(STUDY.reference, 0.02, offset=+0.25), "specificity_loss"),
        (shifted(STUDY.reference, 0.5), "flips"),
        (shifted(STUDY.reference, 0.02, scale=2.5), "ece_rise"),
        (shifted(STUDY.reference, 1.5), "evidence_correlation"),
    ],
)
def test_each_criterion_can_fail(candidate: Outputs, failed: str) -> None:
    verdict = judge(STUDY.reference, candidate, **STUDY.facts, precision="int8")
    assert verdict.verdict == "failed"
    assert outcome(verdict, failed) == "failed"


def test_a_shift_down_costs_sensitivity_only() -> None:
    verdict = judge(STUDY.reference, shifted(STUDY.reference, 0.02, offset=-0.25), **STUDY.facts, precision="int8")
    assert outcome(verdict, "specificity_loss") == "passed" and outcome(verdict, "auroc_loss") == "passed"


def test_an_estimate_within_but_an_interval_beyond_the_limit_is_undecided() -> None:
    small = study(n=330, seed=5, positives=0.3)
    verdict = judge(small.reference, shifted(small.reference, 0.7), **small.facts, precision="int8")
    loss = next(c for c in verdict.criteria if c.name == "auroc_loss")
    assert loss.estimate.value <= loss.limit < loss.estimate.high
    assert loss.outcome == "undecided"


def test_the_more_cautious_interval_decides_on_auroc() -> None:
    clustered = study(n=900, group=45)
    verdict = judge(clustered.reference, shifted(clustered.reference, 0.3), **clustered.facts, precision="int8")
    loss = next(c for c in verdict.criteria if c.name == "auroc_loss")
    assert loss.estimate.high >= loss.beside["other_high"]


def test_too_few_images_are_never_passed_nor_blamed_for_a_point_estimate() -> None:
    small = study(n=90)
    good = judge(small.reference, shifted(small.reference, 0.0), **small.facts, precision="int8")
    assert good.verdict == "undecided" and outcome(good, "images") == "undecided"
    slightly_off = judge(small.reference, shifted(small.reference, 0.25, seed=4), **small.facts, precision="int8")
    assert next(c for c in slightly_off.criteria if c.name == "flips").estimate.value > 0.01
    assert slightly_off.verdict == "undecided"
    # what no interval can excuse still fails
    swapped = outputs(-small.reference.logit, small.reference.evidence)
    assert judge(small.reference, swapped, **small.facts, precision="int8").verdict == "failed"


def test_one_class_is_undecided_and_makes_valid_json() -> None:
    facts = {**STUDY.facts, "labels": np.zeros_like(STUDY.labels)}
    verdict = judge(STUDY.reference, shifted(STUDY.reference, 0.01), **facts, precision="int8")
    assert verdict.verdict == "undecided"
    assert json.loads(json.dumps(verdict.model_dump(), allow_nan=False))
    assert verdict.auroc_loss.value is None


def test_no_images_are_undecided_at_any_precision() -> None:
    empty = Outputs(np.zeros(0), np.zeros(0), np.zeros((0, 6, 5)))
    facts = {"labels": np.zeros(0, int), "groups": np.zeros(0, int), "ids": [], "threshold": 0.5}
    for precision in ("fp32", "fp16", "int8"):
        assert judge(empty, empty, **facts, precision=precision).verdict == "undecided"


def test_flips_are_listed_with_both_probabilities() -> None:
    logit = STUDY.reference.logit.copy()
    moved = int(np.argmin(np.where(logit > 0, logit, np.inf)))
    logit[moved] = -0.01
    verdict = judge(STUDY.reference, outputs(logit, STUDY.reference.evidence), **STUDY.facts, precision="int8")
    (flip,) = verdict.flips
    assert flip.id == STUDY.ids[moved] and flip.label == STUDY.labels[moved]
    assert flip.candidate < THRESHOLD <= flip.reference
    assert outcome(verdict, "flips") == "passed"


def test_flips_of_one_class_only_contradict_the_smoothed_estimate() -> None:
    """Shifts that depend on the class, not on the margin, are what smoothing cannot see: the count must."""
    logit = STUDY.reference.logit.copy()
    above = np.flatnonzero((STUDY.labels == 1) & (logit >= 0))
    nearest = above[np.argsort(logit[above])[:12]]
    logit[nearest] = -0.01
    verdict = judge(STUDY.reference, outputs(logit, STUDY.reference.evidence), **STUDY.facts, precision="int8")
    loss = next(c for c in verdict.criteria if c.name == "sensitivity_loss")
    assert loss.estimate.high < loss.limit
    assert loss.beside["lost"] == 12 and loss.beside["tango_low"] > 0.01 and loss.beside["mcnemar_p"] < 0.001
    assert loss.outcome == "failed" and "significantly" in loss.explanation


@pytest.mark.parametrize(
    ("precision", "within", "beyond"), [("fp32", 1e-6, 1e-4), ("fp16", 1e-3, 2e-2)], ids=["fp32", "fp16"]
)
def test_float_files_are_held_to_their_largest_difference(precision: str, within: float, beyond: float) -> None:
    reference, facts = STUDY.reference, {**STUDY.facts, "precision": precision}
    bump = np.zeros_like(reference.probability)
    bump[17] = 1.0

    def moved(size: float) -> Outputs:
        return replace(reference, probability=reference.probability + size * bump)

    assert judge(reference, moved(within), **facts).verdict == "passed"
    failed = judge(reference, moved(beyond), **facts)
    assert failed.verdict == "failed" and failed.max_abs_diff == pytest.approx(beyond)
    evidence = reference.evidence.copy()
    evidence[3, 2, 1] += 10 * beyond
    assert outcome(judge(reference, replace(reference, evidence=evidence), **facts), "evidence_difference") == "failed"


def test_float_files_need_no_labels_of_both_classes() -> None:
    facts = {**STUDY.facts, "labels": np.ones_like(STUDY.labels)}
    assert judge(STUDY.reference, STUDY.reference, **facts, precision="fp32").verdict == "passed"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_nan_fails_and_is_counted(precision: str) -> None:
    evidence = STUDY.reference.evidence.copy()
    evidence[5, 0, 0] = np.nan
    evidence[6, 1, 1] = np.inf
    verdict = judge(STUDY.reference, replace(STUDY.reference, evidence=evidence), **STUDY.facts, precision=precision)
    assert verdict.verdict == "failed" and verdict.criteria[0].estimate.value == 2


def test_a_broken_reference_is_an_error() -> None:
    logit = STUDY.reference.logit.copy()
    logit[0] = np.nan
    with pytest.raises(GateError, match="reference"):
        judge(outputs(logit, None), STUDY.reference, **STUDY.facts, precision="fp32")


def test_a_reference_below_chance_fails_whatever_the_file_does() -> None:
    facts = {**STUDY.facts, "labels": 1 - STUDY.labels}
    verdict = judge(STUDY.reference, STUDY.reference, **facts, precision="fp32")
    assert verdict.verdict == "failed" and outcome(verdict, "reference_auroc") == "failed"


def test_a_network_without_evidence_is_not_asked_for_it_but_a_lost_map_fails() -> None:
    bare = replace(STUDY.reference, evidence=None)
    verdict = judge(bare, bare, **STUDY.facts, precision="int8")
    assert verdict.verdict == "passed" and "evidence_correlation" not in [c.name for c in verdict.criteria]
    for precision in ("int8", "fp32"):
        assert judge(STUDY.reference, bare, **STUDY.facts, precision=precision).verdict == "failed"


def test_limits_come_from_the_recipe() -> None:
    candidate = shifted(STUDY.reference, 0.5)
    loose = Limits(
        flips=0.2, auroc_loss=0.1, sensitivity_loss=0.1, specificity_loss=0.1, ece_rise=0.1, evidence_correlation=0.5
    )
    assert judge(STUDY.reference, candidate, **STUDY.facts, precision="int8", limits=loose).verdict == "passed"
    with pytest.raises(ValidationError):
        Limits(flips=-1)
    with pytest.raises(ValidationError):
        Limits.model_validate({"flipps": 0.1})


def test_outputs_of_wrong_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[N\]"):
        Outputs(np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="evidence"):
        Outputs(np.zeros(3), np.zeros(3), np.zeros((2, 4, 4)))
