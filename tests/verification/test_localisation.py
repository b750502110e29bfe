"""Maps against masks: known values, and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from edgefrac.verification.localisation import average_precision, energy_inside

SQUARE = np.zeros((20, 20), np.bool_)
SQUARE[5:10, 5:10] = True


def test_energy_is_the_share_of_what_is_positive() -> None:
    values = np.where(SQUARE, 3.0, 1.0)
    assert energy_inside(values, SQUARE) == pytest.approx(75 / (75 + 375))
    assert energy_inside(np.where(SQUARE, 3.0, -1.0), SQUARE) == 1
    assert energy_inside(np.full((20, 20), -1.0), SQUARE) == 0


@pytest.mark.parametrize("levels", [1, 3, 50, 10_000])
def test_average_precision_is_that_of_scikit_learn_ties_included(levels: int) -> None:
    values = np.random.default_rng(levels).integers(0, levels, SQUARE.shape) + 2.0 * SQUARE
    assert average_precision(values, SQUARE) == pytest.approx(average_precision_score(SQUARE.ravel(), values.ravel()))


def test_average_precision_of_a_perfect_and_of_a_constant_map() -> None:
    assert average_precision(SQUARE.astype(float), SQUARE) == 1
    assert average_precision(np.ones(SQUARE.shape), SQUARE) == pytest.approx(SQUARE.mean())
