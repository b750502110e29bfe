"""Look at a network while it is trained."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from edgefrac.models.network import FractureNet
from edgefrac.training.task import FractureTask


class Milestones(Callback):
    """Calls ``reached`` with a copy of the network, on the CPU, after each of ``epochs`` (from 1).

    Training then goes on as if nobody had looked, unless ``reached`` raises.
    """

    def __init__(self, epochs: Sequence[int], reached: Callable[[int, FractureNet], None]) -> None:
        self.epochs = epochs
        self.reached = reached

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The weights as they are, not their average, which still holds much of the first ones then."""
        epoch = trainer.current_epoch + 1
        if epoch in self.epochs and isinstance(pl_module, FractureTask):
            self.reached(epoch, copy.deepcopy(pl_module.network).cpu())
