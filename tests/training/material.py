"""Phantoms in a pack, as the training loop takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.progress import silent
from edgefrac.training.cache import pack
from edgefrac.training.fit import TrainingSet


def packed_phantoms(count: int, size: int, folder: Path) -> TrainingSet:
    """All of ``count`` phantoms, packed at ``size`` px, their masks known."""
    dataset = phantom_dataset(count, 5, longer_side=96)
    packed = pack(dataset, size, folder, silent)
    labels = np.array([s.label for s in dataset.samples])
    return TrainingSet(packed, np.arange(count), labels, np.zeros(count, bool), np.ones(count, bool))
