"""Intervals against published examples, scipy, definitions and simulation."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from edgefrac.verification import metrics
from edgefrac.verification.statistics import (
    ClusterBootstrap,
    Estimate,
    clustered_proportion,
    delong,
    delong_auroc,
    delong_loss,
    mcnemar,
    newcombe_auroc,
    tango,
    wilson,
)

# albumin, total protein, K-G score, survived: the 43 complete cases of DeLong et al. 1988
OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1 3.7 6.7 6 1
3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1
3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1
3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""


@pytest.fixture(scope="module")
def ovarian() -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    albumin, protein, score, survived = np.array(OVARIAN.split(), float).reshape(-1, 4).T
    return 1 - survived, {"albumin": -albumin, "protein": -protein, "score": score}


def bounds(estimate: Estimate) -> list[float]:
    assert estimate.value is not None and estimate.low is not None and estimate.high is not None
    return [estimate.value, estimate.low, estimate.high]


@pytest.mark.parametrize(
    ("test", "published"),
    [
        ("albumin", [0.7366, 0.5549, 0.9182]),
        ("score", [0.7258, 0.5243, 0.9273]),
        ("protein", [0.6478, 0.4518, 0.8439]),
    ],
)
def test_delong_gives_the_published_intervals(ovarian, test, published) -> None:
    """SAS/STAT User's Guide, example "Comparing Receiver Operating Characteristic Curves"."""
    labels, scores = ovarian
    assert bounds(delong_auroc(labels, scores[test])) == pytest.approx(published, abs=6e-5)


def test_paired_delong_gives_the_published_differences(ovarian) -> None:
    labels, scores = ovarian
    albumin = delong_loss(labels, scores["albumin"], scores["score"])
    protein = delong_loss(labels, scores["protein"], scores["score"])
    assert bounds(albumin) == pytest.approx([0.0108, -0.1761, 0.1976], abs=6e-5)
    assert bounds(protein) == pytest.approx([-0.0780, -0.2830, 0.1271], abs=6e-5)


def test_fast_delong_agrees_with_its_definition() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    scores = np.round(rng.normal(size=(2, 60)) + labels, 1)
    positive, negative = scores[:, labels == 1], scores[:, labels == 0]
    wins = (positive[:, :, None] > negative[:, None, :]) + 0.5 * (positive[:, :, None] == negative[:, None, :])
    slow = np.cov(wins.mean(axis=2)) / positive.shape[1] + np.cov(wins.mean(axis=1)) / negative.shape[1]
    result = delong(labels, scores)
    assert result is not None
    assert result[0] == pytest.approx([metrics.auroc(labels, s) for s in scores])
    assert result[1] == pytest.approx(slow)


def test_delong_is_undecided_on_degenerate_data() -> None:
    assert delong_auroc([1, 1, 0], [0.1, 0.2, 0.3]).value is None
    assert delong_loss([0, 0], [0.1, 0.2], [0.1, 0.2]).interval is None
    assert delong_auroc([], []).value is None


@pytest.mark.parametrize(
    ("lost", "gained", "n", "published"),
    [
        (6, 16, 161, [-0.0621, -0.1240, -0.0054]),  # Cavo et al. 2012 in Fagerland et al., ch. 8
        (1, 7, 21, [-0.286, -0.517, -0.026]),  # Bentur et al. 2009, ibid.
    ],
)
def test_tango_gives_the_published_intervals(lost: int, gained: int, n: int, published: list[float]) -> None:
    digits = 6e-5 if n == 161 else 6e-4
    assert bounds(tango(lost, gained, n)) == pytest.approx(published, abs=digits)
    mirrored = bounds(tango(gained, lost, n))
    assert mirrored == pytest.approx([-published[0], -published[2], -published[1]], abs=digits)


def test_tango_without_any_flip_has_the_width_of_its_closed_form() -> None:
    z2 = 1.959964**2
    assert bounds(tango(0, 0, 380)) == pytest.approx([0, -z2 / (380 + z2), z2 / (380 + z2)], abs=1e-6)
    assert bounds(tango(0, 0, 300))[2] > 0.01 > bounds(tango(0, 0, 390))[2]


def test_tango_at_the_ends() -> None:
    assert bounds(tango(10, 0, 10))[2] == 1.0
    assert bounds(tango(0, 10, 10))[1] == -1.0
    assert tango(0, 0, 0).value is None


def test_mcnemar_gives_the_published_p_value() -> None:
    assert mcnemar(6, 16) == pytest.approx(0.052479, abs=1e-6)
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(("successes", "n"), [(0, 10), (13, 16), (263, 525), (10, 10)])
def test_wilson_agrees_with_scipy(successes: int, n: int) -> None:
    reference = binomtest(successes, n).proportion_ci(method="wilson")
    assert bounds(wilson(successes, n))[1:] == pytest.approx([reference.low, reference.high])


def test_clustered_proportion_widens_with_the_design_effect() -> None:
    rng = np.random.default_rng(1)
    hits = rng.random(300) < 0.8
    alone = clustered_proportion(hits, np.arange(300))
    repeated = clustered_proportion(np.repeat(hits, 4), np.repeat(np.arange(300), 4))
    assert bounds(alone) == pytest.approx(bounds(wilson(hits.sum(), 300)), abs=2e-3)
    # four copies of each image tell no more than one
    assert bounds(repeated) == pytest.approx(bounds(alone), abs=2e-3)


def test_clustered_proportion_without_misses_counts_groups() -> None:
    all_hit = clustered_proportion(np.ones(60, bool), np.arange(60) // 3)
    assert bounds(all_hit) == pytest.approx(bounds(wilson(20, 20)))
    assert clustered_proportion([], []).value is None


def test_newcombe_is_close_to_delong_inside_and_has_a_width_at_one() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1], 400)
    scores = rng.normal(size=800) + 2 * labels
    normal = delong_auroc(labels, scores)
    assert normal.value is not None
    assert bounds(newcombe_auroc(normal.value, 400, 400)) == pytest.approx(bounds(normal), abs=0.006)
    low, high = bounds(newcombe_auroc(1.0, 50, 50))[1:]
    assert 0.9 < low < 0.98 and high == 1.0
    assert bounds(newcombe_auroc(0.0, 50, 50))[1:] == pytest.approx([0.0, 1 - low])


def test_bootstrap_auroc_agrees_with_resampling_by_hand() -> None:
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 12, 80)
    labels = rng.integers(0, 2, 80)
    scores = np.round(rng.normal(size=80) + labels, 1)
    bootstrap = ClusterBootstrap(groups)
    replicates = bootstrap.auroc(labels, scores)
    for r in (0, 1, 1999):
        drawn = np.repeat(np.arange(80), bootstrap.counts[r].astype(int)[bootstrap.index])
        assert replicates[r] == pytest.approx(metrics.auroc(labels[drawn], scores[drawn]))


def test_bootstrap_mean_and_ece_agree_with_resampling_by_hand() -> None:
    rng = np.random.default_rng(4)
    groups, labels, probability = rng.integers(0, 30, 200), rng.integers(0, 2, 200), rng.random(200)
    bootstrap = ClusterBootstrap(groups)
    drawn = np.repeat(np.arange(200), bootstrap.counts[7].astype(int)[bootstrap.index])
    of = labels == 1
    assert bootstrap.mean(probability, of)[7] == pytest.approx(probability[drawn][of[drawn]].mean())
    bins = metrics.ece_bins(probability)[drawn]
    gaps = np.bincount(bins, weights=(labels - probability)[drawn])
    assert bootstrap.ece(labels, probability)[7] == pytest.approx(np.abs(gaps).sum() / drawn.size)


def test_bootstrap_is_wider_where_groups_are_alike() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat(rng.integers(0, 2, 100), 6)
    scores = labels + np.repeat(rng.normal(size=100), 6) + 0.1 * rng.normal(size=600)
    area = metrics.auroc(labels, scores)
    clustered, independent = (
        b.estimate(area, b.auroc(labels, scores))
        for b in (ClusterBootstrap(np.repeat(np.arange(100), 6)), ClusterBootstrap(np.arange(600)))
    )
    assert clustered.width > 1.8 * independent.width
    assert independent.width == pytest.approx(delong_auroc(labels, scores).width, rel=0.1)


def test_bootstrap_is_the_same_every_time_and_needs_two_groups() -> None:
    first, second = (ClusterBootstrap(["a", "b", "c"]).counts for _ in range(2))
    assert np.array_equal(first, second) and np.all(first.sum(axis=1) == 3)
    single = ClusterBootstrap([0, 0, 0])
    assert single.estimate(0.5, single.mean([0.0, 0.5, 1.0])).interval is None


def test_2000_replicates_on_3000_images_take_under_two_seconds() -> None:
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 3000)
    start = time.process_time()
    ClusterBootstrap(np.arange(3000)).auroc(labels, rng.normal(size=3000) + labels)
    assert time.process_time() - start < 2


def test_cluster_bootstrap_covers_the_true_loss_of_auroc() -> None:
    """Nominal 95 %, 120 studies of 60 patients: at least 90 % (2.5 standard errors below) must cover."""
    rng = np.random.default_rng(7)

    def sample(patients: int) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        labels = np.repeat(rng.integers(0, 2, patients), 5)
        reference = 1.5 * labels + np.repeat(rng.normal(0, 0.7, patients), 5) + rng.normal(0, 0.7, labels.size)
        return labels, reference, reference + rng.normal(0, 0.5, labels.size)

    labels, a, b = sample(40_000)
    truth = (metrics.auroc(labels, a) or 0) - (metrics.auroc(labels, b) or 0)
    covered = 0
    for _ in range(120):
        labels, a, b = sample(60)
        bootstrap = ClusterBootstrap(np.arange(labels.size) // 5)
        loss = (metrics.auroc(labels, a) or 0) - (metrics.auroc(labels, b) or 0)
        estimate = bootstrap.estimate(loss, bootstrap.auroc(labels, a) - bootstrap.auroc(labels, b))
        covered += bounds(estimate)[1] <= truth <= bounds(estimate)[2]
    assert covered >= 108


def test_the_resampled_median_is_that_of_the_drawn_groups() -> None:
    """Written out: a group drawn twice counts twice; the lower of two middle values."""
    rng = np.random.default_rng(8)
    groups, values = rng.integers(0, 6, 41), rng.normal(size=41)
    bootstrap = ClusterBootstrap(groups)
    for replicate in range(0, 2000, 250):
        drawn = np.repeat(values, bootstrap.counts[replicate][groups].astype(int))
        assert bootstrap.median(values)[replicate] == np.sort(drawn)[(drawn.size - 1) // 2]
