"""A trial is given up where it is worse than half of those that cost no more, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.errors import UsageError
from edgefrac.models.network import FractureNet
from edgefrac.pipeline.freezing import HeldOut
from edgefrac.pipeline.pruning import Milestone, falls_behind, flops, held_out_auroc

SMALL = [Milestone(auroc, 10) for auroc in (0.70, 0.72, 0.74)]
LARGE = [Milestone(auroc, 30) for auroc in (0.80, 0.82, 0.84)]


@pytest.mark.parametrize(
    ("reached", "behind"),
    [
        (Milestone(0.73, 10), False),  # below most of all, but no slower one is held against it
        (Milestone(0.72, 10), False),  # the median itself
        (Milestone(0.71, 10), True),
        (Milestone(0.76, 20), False),  # slower than the small ones, and better
        (Milestone(0.76, 30), True),  # the median of all six is 0.77
        (Milestone(0.10, 5), False),  # nothing as fast to compare with
    ],
)
def test_only_those_that_cost_no_more_are_compared_with(reached: Milestone, behind: bool) -> None:
    assert falls_behind(reached, [*LARGE, *SMALL], startup=3) is behind


def test_nothing_is_given_up_before_there_is_enough_to_compare_with() -> None:
    assert not falls_behind(Milestone(0.1, 10), SMALL, startup=4)
    assert falls_behind(Milestone(0.1, 10), SMALL, startup=3)


def test_arithmetic_grows_with_the_area_of_the_input() -> None:
    assert flops("tiny", 128) / flops("tiny", 64) == pytest.approx(4, rel=0.01)


def test_a_diverged_network_has_no_auroc() -> None:
    images = np.random.default_rng(1).integers(0, 255, (4, 64, 64), np.uint8)
    held_out = HeldOut(images, np.array([0, 1, 0, 1]))
    network = FractureNet("tiny")
    assert 0 <= held_out_auroc(network, held_out) <= 1
    network.head.bias.data += float("nan")
    with pytest.raises(UsageError, match="diverged"):
        held_out_auroc(network, held_out)
