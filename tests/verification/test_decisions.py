"""The smoothed paired estimate: coverage by simulation, and what it is worth against counting flips."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from edgefrac.verification.decisions import NEIGHBOURS, expected_loss, nearest
from edgefrac.verification.statistics import ClusterBootstrap, tango

Floats = NDArray[np.float64]

# offset of the shift, its growth with the margin, its noise, the noise's growth with the margin
SHIFTS = {
    "independent of the margin": (0.03, 0.0, 0.1, 0.0),
    "growing with the margin": (-0.02, -0.06, 0.05, 0.06),
}


def simulate(
    rng: np.random.Generator, patients: int, shift: tuple[float, ...]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Labels, margins, shifts and groups of ``patients`` with six images each; patients share part of both."""
    offset, slope, noise, growth = shift
    n = 6 * patients
    labels = np.repeat(rng.random(patients) < 0.25, 6)
    margin = np.where(labels, 1.2, -1.8) + rng.normal(0, 1.1, n) + np.repeat(rng.normal(0, 0.5, patients), 6)
    spread = noise + growth * np.abs(margin)
    moved = spread * (rng.normal(0, 0.87, n) + np.repeat(rng.normal(0, 0.5, patients), 6))
    return labels, margin, offset + slope * margin + moved, np.arange(n) // 6


def counted(margin: Floats, shift: Floats, members: Floats) -> float:
    return float(np.mean((margin >= 0)[members]) - np.mean((margin + shift >= 0)[members]))


def true_losses(shift: tuple[float, ...]) -> tuple[float, float]:
    """Expected loss of sensitivity and specificity in ``simulate``, by integration over the margin."""
    offset, slope, noise, growth = shift
    margin = np.linspace(-9, 9, 180_001)
    stays_up = norm.cdf((margin + offset + slope * margin) / ((noise + growth * np.abs(margin)) * np.hypot(0.87, 0.5)))
    change = ((margin >= 0) - stays_up) * (margin[1] - margin[0])
    positives, negatives = (norm.pdf(margin, mean, np.hypot(1.1, 0.5)) for mean in (1.2, -1.8))
    return float((positives * change).sum()), -float((negatives * change).sum())


@pytest.mark.parametrize("patients", [30, 70])
@pytest.mark.parametrize("kind", SHIFTS)
def test_intervals_cover_the_true_loss(kind: str, patients: int) -> None:
    """Nominal 95 %: at least 93 % of the intervals of 200 studies, sensitivity and specificity, hold the truth."""
    rng = np.random.default_rng(11)
    truths = true_losses(SHIFTS[kind])
    covered, width, width_without_flips = [], 0.0, 0.0
    for _ in range(200):
        labels, margin, shift, groups = simulate(rng, patients, SHIFTS[kind])
        bootstrap = ClusterBootstrap(groups)
        for sign, members, truth in ((1, labels, truths[0]), (-1, ~labels, truths[1])):
            estimate = expected_loss(sign * margin, sign * shift, members, bootstrap)
            if estimate.low is not None and estimate.high is not None:
                covered.append(estimate.low <= truth <= estimate.high)
                width += estimate.width
                width_without_flips += tango(0, 0, int(members.sum())).width
    assert len(covered) >= 390
    assert np.mean(covered) >= 0.93
    # and this is what it is for: Tango's interval is twice as wide even with no flip at all
    assert width < 0.5 * width_without_flips


def test_no_shift_is_no_loss() -> None:
    rng = np.random.default_rng(0)
    labels, margin, _, groups = simulate(rng, 60, SHIFTS["independent of the margin"])
    estimate = expected_loss(margin, np.zeros_like(margin), labels, ClusterBootstrap(groups))
    assert (estimate.value, estimate.low, estimate.high) == (0.0, 0.0, 0.0)


def test_stretching_about_the_threshold_is_no_loss() -> None:
    """Shifts proportional to the margin flip nothing, however large; the estimate must see that."""
    rng = np.random.default_rng(1)
    labels, margin, _, groups = simulate(rng, 100, SHIFTS["independent of the margin"])
    estimate = expected_loss(margin, -0.4 * margin, labels, ClusterBootstrap(groups))
    assert estimate.value == pytest.approx(0, abs=1e-9) and estimate.high == pytest.approx(0, abs=1e-9)


def test_a_common_shift_costs_the_positives_it_carries_over() -> None:
    rng = np.random.default_rng(2)
    labels, margin, _, groups = simulate(rng, 1500, SHIFTS["independent of the margin"])
    down = np.full_like(margin, -0.3)
    bootstrap = ClusterBootstrap(groups)
    sensitivity, specificity = (
        expected_loss(sign * margin, sign * down, members, bootstrap) for sign, members in ((1, labels), (-1, ~labels))
    )
    assert sensitivity.value == pytest.approx(counted(margin, down, labels), abs=0.006)
    assert specificity.value == pytest.approx(counted(-margin, -down, ~labels), abs=0.006)
    assert sensitivity.value > 0.02 and specificity.value < -0.01


def test_fewer_than_two_members_have_no_estimate() -> None:
    margin = np.linspace(-1, 1, 20)
    members = np.arange(20) == 3
    assert expected_loss(margin, margin, members, ClusterBootstrap(np.arange(20))).value is None


def test_nearest_are_the_nearest() -> None:
    rng = np.random.default_rng(3)
    margin, at = rng.normal(size=500), rng.normal(size=40)
    brute = np.sort(np.abs(margin - at[:, None]), axis=1)[:, :NEIGHBOURS]
    found = np.sort(np.abs(margin[nearest(margin, at)] - at[:, None]), axis=1)
    assert found == pytest.approx(brute)
    assert nearest(margin[:7], at).shape == (40, 7)
