"""Calibration and threshold against what their definitions demand."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefrac.training.operating_point import Calibration, calibrate, choose_threshold


def test_probability_by_hand() -> None:
    values = Calibration(temperature=2.0, bias=1.0).probability(np.array([-1.0, 1.0, 3.0], np.float32))
    assert values == pytest.approx([0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2))])


def test_calibration_is_where_the_likelihood_has_no_slope() -> None:
    """At the maximum the residuals to Platt's targets sum to zero, plain and weighted by the logits."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300)
    logits = rng.normal(2.0 * labels, 2.0)
    n = int(labels.sum())
    targets = np.where(labels == 1, (n + 1) / (n + 2), 1 / (300 - n + 2))
    residuals = calibrate(logits, labels).probability(logits) - targets
    assert residuals.mean() == pytest.approx(0, abs=1e-5)
    assert (residuals * logits).mean() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("temperature", "bias"), [(3.0, -1.0), (0.5, 0.7)])
def test_calibration_finds_what_was_done_to_the_logits(temperature: float, bias: float) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, 40_000)
    labels = (rng.random(40_000) < 1 / (1 + np.exp(-(logits + bias) / temperature))).astype(int)
    found = calibrate(logits.astype(np.float32), labels)
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    assert found.bias == pytest.approx(bias, abs=0.08)


def test_logits_that_say_nothing_keep_their_order_in_float32() -> None:
    """Fitted without a bound, the temperature was 1e12, and a bias as large wiped the logits out."""
    logits = np.tile(np.array([-0.01, 0.01], np.float32), 40)
    labels = np.repeat([0, 0, 0, 1], 20)
    found = calibrate(logits, labels)
    assert found.temperature <= 10.1
    shifted = logits + np.float32(found.bias)
    assert shifted.dtype == np.float32 and shifted[0] < shifted[1]
    assert found.probability(logits).mean() == pytest.approx(0.25, abs=0.03)


def test_separated_classes_do_not_run_off_to_infinity() -> None:
    logits, labels = np.array([-5.0, -4.0, 4.0, 5.0]), np.array([0, 0, 1, 1])
    found = calibrate(logits, labels)
    assert 0.1 < found.temperature < 100 and abs(found.bias) < 1
    assert found.probability(logits)[-1] < 0.95


@given(
    scores=st.lists(st.tuples(st.integers(1, 999), st.booleans()), min_size=2, max_size=60),
    percent=st.integers(1, 99),
)
@settings(max_examples=100, deadline=None)
def test_the_threshold_is_the_largest_that_keeps_the_sensitivity(scores: list[tuple[int, bool]], percent: int) -> None:
    probability = np.array([score / 1000 for score, _ in scores])
    labels = np.array([int(positive) for _, positive in scores])
    labels[0] = 1
    threshold = choose_threshold(probability, labels, percent / 100)
    positives = probability[labels == 1]

    def sensitivity(at: float) -> Fraction:
        return Fraction(int((positives >= at).sum()), len(positives))

    assert sensitivity(threshold) >= Fraction(percent, 100)
    accepted = positives[positives >= threshold].min()
    assert sensitivity(np.nextafter(accepted, 1)) < Fraction(percent, 100)
    lower = probability[probability < accepted]
    assert threshold == pytest.approx((accepted + (lower.max() if len(lower) else 0)) / 2)
    assert threshold not in probability


def test_fifty_five_percent_of_a_hundred_is_fifty_five() -> None:
    probability = np.arange(1, 101) / 101
    threshold = choose_threshold(probability, np.ones(100, int), 0.55)
    assert (probability >= threshold).sum() == 55


def test_certain_probabilities_leave_a_threshold_inside_the_contracts_bounds() -> None:
    assert 0 < choose_threshold(np.array([0.0, 0.0]), np.array([1, 0]), 0.9) < 1
    assert 0 < choose_threshold(np.array([1.0, 1.0]), np.array([1, 0]), 0.9) < 1
