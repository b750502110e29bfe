"""Insertion and deletion on answers of one's own making."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefrac.verification.faithfulness import STEPS, faithfulness

RANDOM = np.random.default_rng(1)
IMAGE = RANDOM.integers(0, 256, (96, 96)).astype(np.uint8)
INSIDE = np.ones(IMAGE.shape, np.bool_)
SPOT = np.zeros(IMAGE.shape)
SPOT[:8, :96] = 1  # a twelfth of the image: one step takes it


def kept(image: NDArray[np.uint8]) -> float:
    """Which part of the spot is as it was."""
    return float((image == IMAGE)[SPOT > 0].mean() > 0.9)


def test_a_map_of_what_counts_is_taken_first() -> None:
    found = faithfulness(kept, IMAGE, SPOT, INSIDE)
    assert found.deletion == pytest.approx(0.5 / STEPS)  # gone after the first step
    assert found.insertion == pytest.approx(1 - 0.5 / STEPS)


def test_a_map_of_the_rest_is_taken_last() -> None:
    found = faithfulness(kept, IMAGE, -SPOT, INSIDE)
    assert found.deletion == pytest.approx(1 - 0.5 / STEPS)
    assert found.insertion == pytest.approx(0.5 / STEPS)


def test_only_the_radiograph_is_taken_and_the_image_is_whole_in_the_end() -> None:
    inside = INSIDE.copy()
    inside[:, :20] = False
    seen: list[NDArray[np.uint8]] = []

    def ask(image: NDArray[np.uint8]) -> float:
        seen.append(image)
        return 0.25

    found = faithfulness(ask, IMAGE, RANDOM.random(IMAGE.shape), inside)
    assert (found.deletion, found.insertion) == (0.25, 0.25)
    assert all((image[~inside] == IMAGE[~inside]).all() for image in seen)
    changed = sorted(int((image != IMAGE).sum()) for image in seen)
    assert len(seen) == 2 * STEPS and changed[0] == 0 and changed[-1] > 0.95 * inside.sum()
