"""PPV and NPV by Bayes, and intervals that hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.reporting.predictive_values import predictive_values, prevalence_table, slider
from edgefrac.verification.figures import Figures, figures
from edgefrac.verification.statistics import Estimate, wilson
from tests.verification.simulation import THRESHOLD, study


def _figures(hits: int, positives: int, correct: int, negatives: int) -> Figures:
    one = Estimate()
    return Figures(
        n=positives + negatives,
        positives=positives,
        groups=positives + negatives,
        threshold=0.5,
        auroc=one,
        sensitivity=wilson(hits, positives),
        specificity=wilson(correct, negatives),
        ece=one,
        brier=one,
    )


def test_at_the_prevalence_of_the_data_they_are_counted_shares() -> None:
    simulated = study(n=600)
    found = figures(simulated.labels, simulated.reference.probability, simulated.groups, THRESHOLD)
    ratios = slider(found)
    assert ratios is not None and ratios.start == found.positives / 600
    called, fractured = simulated.reference.probability >= THRESHOLD, simulated.labels == 1
    (ppv, *_), (npv, *_) = predictive_values(ratios, ratios.start)
    assert ppv == pytest.approx((called & fractured).sum() / called.sum())
    assert npv == pytest.approx((~called & ~fractured).sum() / (~called).sum())


def test_limits_enclose_the_value_and_hold_the_truth_as_often_as_stated() -> None:
    """Which prevalence does not matter: the limits move with it."""
    rng = np.random.default_rng(3)
    sensitivity, specificity, prevalence, drawn = 0.9, 0.8, 0.1, 1000
    truth = (
        prevalence * sensitivity / (prevalence * sensitivity + (1 - prevalence) * (1 - specificity)),
        (1 - prevalence) * specificity / ((1 - prevalence) * specificity + prevalence * (1 - sensitivity)),
    )
    kept = np.zeros(2)
    for _ in range(drawn):
        ratios = slider(_figures(rng.binomial(110, sensitivity), 110, rng.binomial(776, specificity), 776))
        assert ratios is not None
        for k, (value, low, high) in enumerate(predictive_values(ratios, prevalence)):
            assert value is not None and low is not None and high is not None and low <= value <= high
            kept[k] += low <= truth[k] <= high
    assert np.all((kept / drawn >= 0.935) & (kept / drawn <= 0.97)), kept / drawn


@pytest.mark.parametrize(("hits", "correct"), [(50, 50), (0, 50), (50, 0), (0, 0)])
def test_shares_of_all_or_none_have_limits_too(hits: int, correct: int) -> None:
    ratios = slider(_figures(hits, 50, correct, 50))
    assert ratios is not None
    ppv, npv = predictive_values(ratios, 0.2)
    for value, low, high in (ppv, npv):
        if value is not None:
            assert low is not None and high is not None and 0 <= low <= value <= high <= 1 and low < high
    assert (ppv[0] is None) == (hits == 0 and correct == 50)
    assert (npv[0] is None) == (hits == 50 and correct == 0)
    assert "nan" not in str(prevalence_table(ratios)).lower()


def test_one_class_gives_no_predictive_values() -> None:
    assert slider(_figures(0, 0, 40, 50)) is None
