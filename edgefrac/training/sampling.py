"""Which images an epoch shows: every positive, a fresh draw of negatives, a share of phantoms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from edgefrac.training.processes import ALONE, Processes
from edgefrac.training.recipe import Sampling


class EpochSampler(Sampler[int]):
    """Order of one epoch, a function of (seed, epoch) only, so that a resumed run sees what it would have seen.

    Each of several processes gets as many images as the others, and none of theirs; ``batch_size`` is that of all.
    """

    def __init__(
        self,
        labels: NDArray[np.int64],
        phantom: NDArray[np.bool_],
        settings: Sampling,
        seed: int,
        batch_size: int,
        processes: Processes = ALONE,
    ) -> None:
        self.positives = np.flatnonzero((labels == 1) & ~phantom)
        self.negatives = np.flatnonzero((labels == 0) & ~phantom)
        self.phantoms = np.flatnonzero(phantom)
        self.settings = settings
        self.seed = seed
        self.processes = processes
        self.epoch = 0
        self.negative_count = min(len(self.negatives), round(len(self.positives) * settings.negatives_per_positive))
        clinical = len(self.positives) + self.negative_count
        wanted = round(clinical * settings.phantom_share / (1 - settings.phantom_share))
        self.phantom_count = min(len(self.phantoms), wanted)
        # whole batches only: a last batch of one image would break batch normalisation
        total = clinical + self.phantom_count
        self.length = max(total - total % batch_size, min(total, batch_size))
        self.length -= self.length % processes.count

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length // self.processes.count

    def __iter__(self) -> Iterator[int]:
        # dealt one by one, so that the batches of one step are together the batch that one process would take
        yield from (int(i) for i in self.order()[self.processes.rank :: self.processes.count])

    def order(self) -> NDArray[np.int64]:
        """The epoch's images, of all processes."""
        rng = np.random.default_rng([self.seed, self.epoch])
        chosen = np.concatenate(
            [
                self.positives,
                self._draw(self.negatives, self.negative_count),
                self._draw(self.phantoms, self.phantom_count),
            ]
        )
        return rng.permutation(chosen)[: self.length]

    def _draw(self, pool: NDArray[np.int64], count: int) -> NDArray[np.int64]:
        """``count`` of ``pool``, walking through a fixed shuffle so that all are seen before one is seen twice."""
        if count == 0:
            return pool[:0]
        order = np.random.default_rng([self.seed, len(pool)]).permutation(pool)
        return np.take(order, np.arange(self.epoch * count, (self.epoch + 1) * count), mode="wrap")
