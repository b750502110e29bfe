"""Maps against each other: known values, and a definition."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.verification.likeness import correlation, ssim, ssim_map, top_overlap

RANDOM = np.random.default_rng(3)


def test_overlap_of_the_highest_pixels() -> None:
    ramp = np.arange(400.0).reshape(20, 20)
    assert top_overlap(ramp, ramp + 7, 0.1) == 1
    assert top_overlap(ramp, -ramp, 0.1) == 0
    assert top_overlap(ramp, np.roll(ramp, 1, 0), 0.1) == pytest.approx(20 / 60)  # one of two rows stays on top


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3, 1.0])
def test_structural_similarity_is_that_of_its_definition(noise: float) -> None:
    """Wang et al. 2004, equation 13, at the one place where an 11×11 window fits."""
    reach = np.arange(-5, 6)
    window = np.exp(-np.add.outer(reach**2, reach**2) / (2 * 1.5**2))
    window /= window.sum()
    first = np.cumsum(RANDOM.normal(size=(11, 11)), 0)
    second = first + noise * RANDOM.normal(size=first.shape)
    small, large = (0.01 * np.ptp(first)) ** 2, (0.03 * np.ptp(first)) ** 2
    mean_1, mean_2 = (window * first).sum(), (window * second).sum()
    var_1, var_2 = (window * (first - mean_1) ** 2).sum(), (window * (second - mean_2) ** 2).sum()
    shared = (window * (first - mean_1) * (second - mean_2)).sum()
    wanted = (2 * mean_1 * mean_2 + small) * (2 * shared + large)
    wanted /= (mean_1**2 + mean_2**2 + small) * (var_1 + var_2 + large)
    assert ssim_map(first, second)[5, 5] == pytest.approx(wanted)


def test_a_map_is_like_itself_and_not_like_its_negative() -> None:
    values = RANDOM.normal(size=(40, 40))
    assert ssim(values, values) == pytest.approx(1) and correlation(values, 3 * values + 2) == pytest.approx(1)
    assert ssim(values + 9, 9 - values) < 0 and correlation(values, -values) == pytest.approx(-1)
    assert correlation(values, np.ones_like(values)) == 0
    assert ssim(values, 3 * values) < 0.7  # the scale counts: nothing is stretched
