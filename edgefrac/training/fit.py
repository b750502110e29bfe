"""Train one network on the training folds of a data set, and score the fold it never saw."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from edgefrac.models.network import FractureNet
from edgefrac.training.allocator import keep_memory
from edgefrac.training.cache import Pack
from edgefrac.training.recipe import Recipe
from edgefrac.training.resume import SafetensorsIO
from edgefrac.training.sampling import EpochSampler
from edgefrac.training.task import FractureTask


@dataclass(frozen=True)
class TrainingSet:
    """What the loop sees: ``rows`` of a pack, with label, phantom flag and known-mask flag of each row."""

    pack: Pack
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    phantom: NDArray[np.bool_]
    known: NDArray[np.bool_]


class _Packed(Dataset[dict[str, torch.Tensor]]):
    def __init__(self, data: TrainingSet) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.labels)

    def __getitems__(self, indices: list[int]) -> dict[str, torch.Tensor]:
        """A whole batch at once, so that nothing is left to collate."""
        rows = self.data.rows[indices]
        return {
            "image": torch.from_numpy(self.data.pack.images[rows])[:, None],
            "mask": torch.from_numpy(self.data.pack.masks[rows])[:, None],
            "label": torch.from_numpy(self.data.labels[indices].astype(np.float32)),
            "known": torch.from_numpy(self.data.known[indices].astype(np.float32)),
        }


def packed_batches(data: TrainingSet, sampler: Sampler[int], batch_size: int) -> DataLoader[dict[str, torch.Tensor]]:
    """Batches of ``data`` in the sampler's order, straight from the pack."""
    return DataLoader(
        _Packed(data), batch_size=batch_size, sampler=sampler, drop_last=True, collate_fn=lambda batch: batch
    )


def fit(
    recipe: Recipe,
    data: TrainingSet,
    folder: Path,
    *,
    resume: bool,
    progress: bool,
    callbacks: Sequence[Callback] = (),
) -> FractureNet:
    """Train to the end of the recipe; with ``resume`` go on from the last whole epoch kept in ``folder``.

    Returns the network with the averaged weights, in eval mode. Raises CheckpointError, OutputError.
    """
    pl.seed_everything(recipe.seed, workers=True, verbose=False)
    loader = batches(recipe, data)
    task = FractureTask(recipe, steps=max(2, len(loader) * recipe.epochs))
    watching = [EMAWeightAveraging(decay=recipe.optimiser.average_decay), *callbacks]
    run(task, loader, folder / "state.safetensors", recipe.epochs, watching, resume=resume, progress=progress)
    return task.trained()


def batches(recipe: Recipe, data: TrainingSet) -> DataLoader[dict[str, torch.Tensor]]:
    """The recipe's batches of ``data``, drawn anew each epoch."""
    sampler = EpochSampler(data.labels, data.phantom, recipe.sampling, recipe.seed, recipe.optimiser.batch_size)
    return packed_batches(data, sampler, recipe.optimiser.batch_size)


def run(
    task: pl.LightningModule,
    loader: DataLoader[dict[str, torch.Tensor]],
    state: Path,
    epochs: int,
    callbacks: Sequence[Callback],
    *,
    resume: bool,
    progress: bool,
) -> None:
    """Run ``task`` for ``epochs``, keeping the last whole epoch in ``state``; raises CheckpointError, OutputError."""
    keep_memory()
    keep = ModelCheckpoint(dirpath=state.parent, filename=state.stem, save_top_k=1, enable_version_counter=False)
    keep.FILE_EXTENSION = state.suffix
    shown = [RichProgressBar()] if progress else []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        trainer = pl.Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=epochs,
            callbacks=[keep, *callbacks, *shown],
            plugins=[SafetensorsIO()],
            logger=CSVLogger(state.parent, name="", version=""),
            log_every_n_steps=10,
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(task, loader, ckpt_path=state if resume and state.exists() else None)
