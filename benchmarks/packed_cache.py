"""How fast the packed cache feeds training, and what packing costs.

    python benchmarks/packed_cache.py [DATA] [SIZE]

DATA defaults to phantoms. Augmentation is off; an epoch is read in random order, in batches of 16, five times.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from torch.utils.data import RandomSampler

from edgefrac.cli.output import track
from edgefrac.datasets import open_dataset
from edgefrac.training.cache import pack
from edgefrac.training.fit import TrainingSet, packed_batches

EPOCHS, BATCH = 5, 16


def main(data: str = "phantom:n=512,seed=1", size: str = "320") -> None:
    """Print images per second, once for packing and once for each way of reading."""
    dataset = open_dataset(data)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        packed = pack(dataset, int(size), Path(folder), track)
        packing = time.perf_counter() - started
        started = time.perf_counter()
        packed = pack(dataset, int(size), Path(folder), track)
        opening = time.perf_counter() - started
        count = len(packed.kept)
        labels = np.array([dataset.samples[i].label for i in packed.kept])
        training = TrainingSet(packed, np.arange(count), labels, np.zeros(count, bool), np.ones(count, bool))
        batches = packed_batches(training, RandomSampler(labels), BATCH)
        rates = []
        for _ in range(EPOCHS):
            started = time.perf_counter()
            seen = sum(len(batch["image"]) for batch in batches)
            rates.append(seen / (time.perf_counter() - started))
    print(f"{count} images of {dataset.name} at {size} px")
    print(f"packed at {count / packing:.0f} images a second; opened and its checksum compared in {opening:.2f} s")
    print(f"fed at {statistics.median(rates):.0f} images a second ({min(rates):.0f}–{max(rates):.0f}, {EPOCHS} epochs)")


if __name__ == "__main__":
    main(*sys.argv[1:])
