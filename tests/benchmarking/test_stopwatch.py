"""The stopwatch on a simulated machine, where the truth is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from edgefrac.benchmarking.figures import Difference, difference, judged, latency, unpaired
from edgefrac.benchmarking.stopwatch import Turns, take_turns, warm
from tests.benchmarking.machine import Machine

COST = 0.010


def compared(seed: int, slowdown: float, seconds: float) -> Difference:
    """The second of two subjects, ``slowdown`` times as costly, beside the first, in ``seconds`` for both."""
    machine = Machine(seed)
    subjects = [partial(machine.open, COST), partial(machine.open, COST * slowdown)]
    turns = take_turns(subjects, seconds / 2, clock=machine.clock, seed=seed)
    return difference(turns, 1, 0)


def test_equal_files_are_called_equal() -> None:
    found = [compared(seed, 1.0, 10) for seed in range(200)]
    ratios = np.array([one.ratio for one in found])
    assert abs(ratios.mean() - 1) <= 0.005
    assert sum(one.verdict != "no difference shown" for one in found) <= 10
    covered = sum(one.ratio_ci[0] <= 1 <= one.ratio_ci[1] for one in found)
    assert 184 <= covered <= 198  # 95 % of 200, give or take two standard deviations: neither too narrow nor too wide


@pytest.mark.parametrize(("slowdown", "verdict"), [(1.02, "slower"), (1 / 1.02, "faster")])
def test_two_percent_are_found_within_a_minute(slowdown: float, verdict: str) -> None:
    found = [compared(seed, slowdown, 60) for seed in range(1000, 1040)]
    assert sum(one.verdict == verdict for one in found) >= 38
    assert np.mean([one.ratio for one in found]) == pytest.approx(slowdown, abs=0.002)


def test_one_after_the_other_would_be_wrong() -> None:
    """The drift alone is more than the 2 %: this is what turns are for."""
    machine = Machine(7)
    first, second = (take_turns([partial(machine.open, COST)], 20, clock=machine.clock) for _ in range(2))
    assert latency(second, 0).median.value / latency(first, 0).median.value > 1.05
    assert abs(compared(7, 1.0, 40).ratio - 1) < 0.005


def test_no_run_is_left_out_and_every_turn_has_each_subject() -> None:
    machine = Machine(3)
    subjects = [partial(machine.open, COST), partial(machine.open, 3 * COST)]
    turns = take_turns(subjects, 2, openings=4, clock=machine.clock)
    assert turns.taken.shape == (2, turns.opening.size)
    assert machine.runs == turns.taken.size + turns.warm_up.sum()
    assert (np.bincount(turns.opening) >= 3).all() and set(turns.opening) == {0, 1, 2, 3}
    assert turns.opened == pytest.approx(np.full((2, 4), 0.02))
    found = latency(turns, 0)
    assert found.runs == turns.opening.size
    assert found.p99 == pytest.approx(np.percentile(1000 * turns.taken[0], 99))
    assert found.median.low < found.median.value < found.median.high and found.median.value < found.p90 < found.p99


def test_the_processors_time_is_apart_from_the_time_that_passes() -> None:
    now, had = 0.0, 0.0

    def run() -> None:
        nonlocal now, had
        now += 0.030
        had += 0.013

    turns = take_turns([lambda: run], 2, clock=lambda: now, processor=lambda: had)
    found = latency(turns, 0)
    assert (found.median.value, found.cpu) == (pytest.approx(30), pytest.approx(13))


def test_an_outlier_stays() -> None:
    now, runs = 0.0, 0

    def run() -> None:
        nonlocal now, runs
        runs += 1
        now += 0.5 if runs == 30 else 0.010

    turns = take_turns([lambda: run], 2, openings=4, clock=lambda: now)
    assert turns.taken.max() == pytest.approx(0.5)
    assert latency(turns, 0).median.value == pytest.approx(10)


def test_the_order_of_a_turn_changes() -> None:
    order: list[int] = []
    now = 0.0

    def subject(number: int) -> Callable[[], None]:
        def run() -> None:
            nonlocal now
            now += 1
            order.append(number)

        return run

    turns = take_turns([partial(subject, n) for n in range(3)], 40, openings=1, clock=lambda: now)
    timed = np.array(order[int(turns.warm_up.sum()) :]).reshape(-1, 3)
    assert (np.sort(timed, axis=1) == [0, 1, 2]).all()
    assert len({tuple(turn) for turn in timed.tolist()}) == 6


def test_a_slow_subject_has_three_turns_an_opening() -> None:
    machine = Machine(1)
    turns = take_turns([partial(machine.open, 9.0)], 0.1, openings=2, clock=machine.clock)
    assert np.bincount(turns.opening).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("costs", "runs"),  # milliseconds
    [
        ([5, 5, 5, 5, 5, 5, 5], 6),
        ([9, 8, 7, 6, 5, 4, 4, 4, 4, 4, 4], 10),
        ([9, 1, 1, 1, 1, 1, 1], 6),  # one slow run is no trend
        (list(range(50, 0, -1)), 30),  # however long it goes on
        ([1500, 1400, 1300], 2),
    ],
)
def test_warm_up_ends_when_runs_get_no_faster(costs: list[int], runs: int) -> None:
    now, given = 0.0, iter(costs)

    def run() -> None:
        nonlocal now
        now += next(given) / 1000

    assert warm(run, lambda: now) == runs


def test_one_opening_gives_no_interval() -> None:
    machine = Machine(1)
    turns = take_turns([partial(machine.open, COST)] * 2, 1, openings=1, clock=machine.clock)
    assert latency(turns, 0).median.interval is None
    with pytest.raises(ValueError, match="one opening"):
        difference(turns, 1, 0)


@pytest.mark.parametrize(
    ("ratio", "low", "high", "verdict"),
    [
        (1.02, 1.001, 1.04, "slower"),
        (0.98, 0.96, 0.999, "faster"),
        (1.02, 0.999, 1.04, "no difference shown"),
        (1.008, 1.007, 1.009, "no difference shown"),  # narrow, but too small to matter
    ],
)
def test_what_a_difference_is(ratio: float, low: float, high: float, verdict: str) -> None:
    assert judged(ratio, low, high).verdict == verdict


def test_medians_taken_apart_are_compared_by_their_intervals() -> None:
    """By hand: on the logarithm's scale the limits are ln 1.03 and ln 1.04 away, in quadrature ln 1.0504."""
    found = unpaired(12.0, (12.0 / 1.03, 12.0 * 1.03), 10.0, (10.0 / 1.04, 10.0 * 1.04))
    reach = np.exp(np.hypot(np.log(1.03), np.log(1.04)))
    assert found.ratio == pytest.approx(1.2)
    assert found.ratio_ci == pytest.approx((1.2 / reach, 1.2 * reach))
    assert found.verdict == "slower"
    assert unpaired(10.1, (9.9, 10.3), 10.0, (9.8, 10.2)).verdict == "no difference shown"


def test_the_median_is_resampled_by_whole_openings() -> None:
    """Two openings that differ: the interval spans both, however many runs each has."""
    taken = np.repeat([0.010, 0.012], 500)[None]
    apart = Turns(taken, taken, np.repeat([0, 1], 500), np.zeros((1, 2)), np.zeros((1, 2), np.int64))
    assert latency(apart, 0).median.interval == pytest.approx([10, 12])
