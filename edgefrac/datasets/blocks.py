"""Blocks of neighbouring image ids, the groups to split by where patients are unknown.

Neighbouring ids are mostly the same patient (in FracAtlas, 91 % of the fractured images have a fractured
neighbour), so a block is cut where its neighbours look least alike: where the mark (region, label) changes, and
among such places at the widest gap in the numbering.
"""

from __future__ import annotations

from collections.abc import Sequence

_LARGEST_SMALLEST = 25  # a block has 25 to 50 ids, fewer in data sets of under 500 images
_BLOCKS_WANTED = 20


def id_blocks(numbers: Sequence[int], marks: Sequence[str]) -> list[str]:
    """Name the block of each image, e.g. "ids 263-301", in the order given; images of equal number share a block.

    ``marks`` says for each image what tends to stay the same within a patient.
    """
    mark_of: dict[int, str] = {}
    for number, mark in sorted(zip(numbers, marks, strict=True)):
        mark_of.setdefault(number, mark)
    ids = sorted(mark_of)
    smallest = min(_LARGEST_SMALLEST, max(1, len(ids) // _BLOCKS_WANTED))

    def unlikeness(i: int) -> tuple[bool, int]:
        return mark_of[ids[i]] != mark_of[ids[i - 1]], ids[i] - ids[i - 1]

    block_of: dict[int, str] = {}
    start = 0
    while start < len(ids):
        candidates = range(start + smallest, min(start + 2 * smallest, len(ids) - smallest) + 1)
        wide = (i for i in range(start + 1, len(ids)) if ids[i] - ids[i - 1] > smallest)
        end = max(candidates, key=unlikeness) if candidates else len(ids)
        end = min(end, next(wide, end))
        block_of |= dict.fromkeys(ids[start:end], f"ids {ids[start]}-{ids[end - 1]}")
        start = end
    return [block_of[number] for number in numbers]
