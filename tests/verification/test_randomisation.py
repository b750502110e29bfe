"""Networks whose weights are shuffled, for the randomisation test."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch

from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.prediction import REFERENCE_CHECKPOINT as REFERENCE
from edgefrac.prediction import load
from edgefrac.verification.randomisation import randomised


def test_more_and_more_is_shuffled_and_nothing_is_lost() -> None:
    image = np.random.default_rng(2).integers(0, 256, (320, 320)).astype(np.uint8)
    network, _ = load_checkpoint(REFERENCE)
    trained = load(REFERENCE).predict(image).evidence
    steps = list(randomised(REFERENCE))
    assert [name for name, _ in steps][:2] == ["head", f"stage {len(network.stages) - 1}"]
    assert steps[-1][0] == "stage 0"
    maps = [trained, *(session.predict(image).evidence for _, session in steps)]
    assert all(not np.array_equal(one, other) for one, other in pairwise(maps))
    assert all(np.isfinite(one).all() for one in maps if one is not None)


def test_the_same_shuffle_each_time() -> None:
    image = np.full((320, 320), 90, np.uint8)
    first, second = (next(iter(randomised(REFERENCE)))[1].predict(image).evidence for _ in range(2))
    assert first is not None and second is not None
    assert torch.equal(torch.from_numpy(first), torch.from_numpy(second))
