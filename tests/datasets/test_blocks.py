from __future__ import annotations

from collections import Counter
from itertools import pairwise

from edgefrac.datasets.blocks import id_blocks


def test_blocks_are_contiguous_and_of_25_to_50() -> None:
    blocks = id_blocks(list(range(1000)), ["x"] * 1000)
    assert all(25 <= size <= 50 for size in Counter(blocks).values())
    changes = sum(a != b for a, b in pairwise(blocks))
    assert changes == len(set(blocks)) - 1


def test_cut_where_the_mark_changes() -> None:
    marks = ["hand" if (n // 31) % 2 else "leg" for n in range(620)]
    blocks = id_blocks(list(range(620)), marks)
    for n in range(31, 620, 31):
        assert blocks[n] != blocks[n - 1]


def test_cut_at_the_widest_gap_among_equals() -> None:
    numbers = [n + 5 * (n >= 37) for n in range(600)]
    blocks = id_blocks(numbers, ["x"] * 600)
    assert blocks[36] != blocks[37] and blocks[35] == blocks[36]


def test_long_gap_always_cuts() -> None:
    numbers = [*range(10), *range(100, 690)]
    blocks = id_blocks(numbers, ["x"] * 600)
    assert set(blocks[:10]) == {"ids 0-9"} and blocks[10] != blocks[9]


def test_any_order_and_equal_numbers() -> None:
    numbers = list(range(600))
    forward = id_blocks(numbers, ["x"] * 600)
    assert id_blocks(numbers[::-1], ["x"] * 600) == forward[::-1]
    twice = id_blocks([7, 7, 90], ["x", "y", "x"])
    assert twice[0] == twice[1]


def test_small_sets_get_small_blocks() -> None:
    assert len(set(id_blocks(list(range(40)), ["x"] * 40))) >= 10
    assert id_blocks([], []) == []
