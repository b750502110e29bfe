"""Epochs: every positive, all negatives in turn, a share of phantoms, decided by (seed, epoch) alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from edgefrac.training.processes import Processes
from edgefrac.training.recipe import Sampling
from edgefrac.training.sampling import EpochSampler

POSITIVES, NEGATIVES, PHANTOMS = 20, 130, 50
LABELS = np.array([1] * POSITIVES + [0] * NEGATIVES + [0, 1] * (PHANTOMS // 2))
PHANTOM = np.arange(len(LABELS)) >= POSITIVES + NEGATIVES


def sampler(*, seed: int = 7, batch_size: int = 3, **settings: float) -> EpochSampler:
    """By default 20 positives, 40 negatives and no phantoms: whole batches of three."""
    return EpochSampler(LABELS, PHANTOM, Sampling(**{"phantom_share": 0.0, **settings}), seed, batch_size)


def epoch(made: EpochSampler, number: int) -> list[int]:
    made.set_epoch(number)
    order = list(made)
    assert len(order) == len(made)
    return order


def test_every_epoch_shows_each_positive_once_and_twice_as_many_negatives() -> None:
    for number in range(4):
        shown = epoch(sampler(), number)
        assert len(set(shown)) == len(shown) == 60
        assert set(range(POSITIVES)) <= set(shown)


def test_all_negatives_are_seen_before_one_is_seen_twice() -> None:
    made, seen = sampler(), Counter()
    for number in range(3):
        seen.update(i for i in epoch(made, number) if i >= POSITIVES)
    assert len(seen) == 120 and set(seen.values()) == {1}
    seen.update(i for i in epoch(made, 3) if i >= POSITIVES)
    assert len(seen) == NEGATIVES and sorted(Counter(seen.values()).items()) == [(1, 100), (2, 30)]


def test_seed_and_epoch_decide_and_nothing_else() -> None:
    made = sampler(phantom_share=0.2)
    first = epoch(made, 2)
    epoch(made, 0)
    np.random.seed(5)
    assert first == epoch(made, 2) == epoch(sampler(phantom_share=0.2), 2)
    assert first != epoch(made, 3) and first != epoch(sampler(seed=8, phantom_share=0.2), 2)
    assert first != sorted(first)


def test_each_epoch_has_an_order_of_its_own() -> None:
    """Even where every epoch shows the same images."""
    made = sampler(negatives_per_positive=50, batch_size=2)
    assert epoch(made, 0) != epoch(made, 1) and set(epoch(made, 0)) == set(epoch(made, 1))


@pytest.mark.parametrize(("share", "count"), [(0.1, 7), (0.25, 20), (0.5, PHANTOMS)])
def test_the_share_of_phantoms(share: float, count: int) -> None:
    shown = epoch(sampler(phantom_share=share, batch_size=2), 0)
    phantoms = [i for i in shown if PHANTOM[i]]
    assert abs(len(phantoms) - count) <= 1  # one image may fall to the whole batches
    if share < 0.5:
        assert len(phantoms) / len(shown) == pytest.approx(share, abs=0.02)


@pytest.mark.parametrize("count", [2, 3])
def test_processes_share_each_step_of_one_process(count: int) -> None:
    """Equal lengths, no image twice, and together the batches that one process would take, in the same steps."""
    alone = epoch(sampler(batch_size=6, phantom_share=0.2), 2)
    parts = []
    for rank in range(count):
        part = EpochSampler(LABELS, PHANTOM, Sampling(phantom_share=0.2), 7, 6, Processes(rank, count, count))
        parts.append(epoch(part, 2))
    assert {len(part) for part in parts} == {len(alone) // count}
    size = 6 // count
    for step in range(len(alone) // 6):
        together = [i for part in parts for i in part[step * size : (step + 1) * size]]
        assert sorted(together) == sorted(alone[step * 6 : (step + 1) * 6])


def test_processes_share_evenly_where_there_is_less_than_a_batch() -> None:
    lengths = [
        len(list(EpochSampler(LABELS[:25], PHANTOM[:25], Sampling(), 7, 200, Processes(rank, 2, 2)))) for rank in (0, 1)
    ]
    assert lengths == [12, 12]


def test_only_whole_batches_so_a_few_images_may_wait() -> None:
    made = sampler(batch_size=16)
    assert len(made) == 48
    assert len(set(range(POSITIVES)) - set(epoch(made, 0))) <= 12


def test_fewer_images_than_a_batch_are_still_shown() -> None:
    assert len(epoch(sampler(batch_size=200), 0)) == 60


def test_more_negatives_asked_for_than_there_are() -> None:
    shown = epoch(sampler(negatives_per_positive=50, batch_size=2), 0)
    assert sorted(shown) == list(range(POSITIVES + NEGATIVES))
