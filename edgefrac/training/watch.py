"""Stop a training that has lost its numbers, before they reach the weights that are kept."""

from __future__ import annotations

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from edgefrac.errors import TrainingError


class StopAtNaN(Callback):
    """Raises TrainingError for a loss that is no number, or weights that are none when an epoch is to be kept."""

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor) -> None:
        """After the loss, before it moves a weight."""
        if not torch.isfinite(loss):
            _stop(trainer, f"the loss is {loss.item()}")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Before the epoch's state is written: a finite loss may have a gradient that is not."""
        for name, weight in pl_module.named_parameters():
            if not torch.isfinite(weight).all():
                _stop(trainer, f"{name} is not finite")


def _stop(trainer: pl.Trainer, what: str) -> None:
    raise TrainingError(
        f"{what} at step {trainer.global_step} (epoch {trainer.current_epoch}); the epoch before it is kept",
        hint="lower optimiser.learning_rate, or look at the recipe's weights of losses",
    )
