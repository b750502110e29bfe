"""Figures of merit against scikit-learn, scipy, and cases small enough to do by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr

from edgefrac.verification import metrics

sklearn_metrics = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("seed", range(5))
def test_auroc_agrees_with_scikit_learn_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 200)
    scores = np.round(rng.normal(size=200) + labels, 1)
    assert metrics.auroc(labels, scores) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12)


def test_auroc_is_undefined_with_one_class() -> None:
    assert metrics.auroc([1, 1, 1], [0.1, 0.2, 0.3]) is None
    assert metrics.auroc([], []) is None


def test_auroc_of_constant_scores_is_one_half() -> None:
    assert metrics.auroc([0, 1, 0, 1], [0.3] * 4) == 0.5


def test_sensitivity_and_specificity_count_the_threshold_as_positive() -> None:
    labels, probability = [1, 1, 1, 0, 0], [0.9, 0.5, 0.4, 0.5, 0.1]
    assert metrics.sensitivity(labels, probability, 0.5) == pytest.approx(2 / 3)
    assert metrics.specificity(labels, probability, 0.5) == pytest.approx(1 / 2)
    assert metrics.sensitivity([0], [0.1], 0.5) is None
    assert metrics.specificity([1], [0.1], 0.5) is None


def test_brier_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    labels, probability = rng.integers(0, 2, 100), rng.random(100)
    assert metrics.brier(labels, probability) == pytest.approx(sklearn_metrics.brier_score_loss(labels, probability))


def test_ece_of_equal_mass_bins_by_hand() -> None:
    # 30 images, 15 bins of two: in every bin the mean probability is 0.02·bin + 0.01 and no image is positive
    probability = np.repeat(0.02 * np.arange(15), 2) + np.tile([0.005, 0.015], 15)
    assert metrics.ece(np.zeros(30), probability) == pytest.approx(probability.mean())
    labels = np.zeros(30)
    labels[-1] = 1
    changed = np.abs([0.5 - 0.29 if b == 14 else 0.02 * b + 0.01 for b in range(15)]).mean()
    assert metrics.ece(labels, probability) == pytest.approx(changed)


def test_ece_does_not_depend_on_the_order_of_ties() -> None:
    rng = np.random.default_rng(3)
    labels, probability = rng.integers(0, 2, 400), np.round(rng.random(400), 1)
    shuffled = rng.permutation(400)
    first = metrics.ece(labels, probability)
    assert first == pytest.approx(metrics.ece(labels[shuffled], probability[shuffled]), abs=1e-12)
    assert len(set(metrics.ece_bins(probability)[probability == 0.5])) == 1


def test_ece_sees_overconfidence() -> None:
    rng = np.random.default_rng(4)
    probability = rng.random(4000)
    labels = rng.random(4000) < probability
    overconfident = np.clip(1.6 * (probability - 0.5) + 0.5, 0, 1)
    assert metrics.ece(labels, probability) < 0.03
    assert metrics.ece(labels, overconfident) > 0.08


def test_evidence_correlation_agrees_with_scipy_and_survives_constant_maps() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=(4, 8, 7))
    b = a + rng.normal(size=a.shape)
    a[2], b[2] = 0.1, 0.3
    b[3] = 0.7
    values = metrics.evidence_correlation(a, b)
    assert values[:2] == pytest.approx([pearsonr(a[i].ravel(), b[i].ravel()).statistic for i in range(2)])
    assert values[2:].tolist() == [1.0, 0.0]


def test_pointing_hits_inside_and_within_tolerance() -> None:
    boxes = [[(10.0, 20.0, 30.0, 40.0)]] * 4 + [[(0.0, 0.0, 1.0, 1.0), (90.0, 90.0, 99.0, 99.0)]]
    peaks = [(10.0, 20.0), (31.0, 40.0), (33.0, 44.0), (36.0, 40.0), (95.0, 95.0)]
    sizes = [(80, 100)] * 5
    assert metrics.pointing_hits(peaks, boxes, sizes).tolist() == [True, False, False, False, True]
    # 5 % of the longer side is 5 px: 1 px, the diagonal of 3 and 4, and 6 px away
    assert metrics.pointing_hits(peaks, boxes, sizes, 0.05).tolist() == [True, True, True, False, True]


def test_pointing_hits_without_boxes_is_a_miss() -> None:
    assert metrics.pointing_hits([(1.0, 1.0)], [[]], [(9, 9)], 1.0).tolist() == [False]
