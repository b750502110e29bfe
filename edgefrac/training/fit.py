"""Train one network on the training folds of a data set, and score the fold it never saw."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from edgefrac import durable
from edgefrac.errors import UsageError
from edgefrac.models.network import FRACTURE, FractureNet, TaskSpec
from edgefrac.training.allocator import keep_memory
from edgefrac.training.cache import Pack
from edgefrac.training.processes import ALONE, Processes, started_processes
from edgefrac.training.recipe import Recipe
from edgefrac.training.resume import SafetensorsIO
from edgefrac.training.sampling import EpochSampler
from edgefrac.training.task import FractureTask
from edgefrac.training.watch import StopAtNaN

Batches = DataLoader[dict[str, torch.Tensor]]
_LONGEST_WAIT = timedelta(days=1)  # the other processes wait while the first one measures a fold


@dataclass(frozen=True)
class TrainingSet:
    """What the loop sees: ``rows`` of a pack, with label, phantom flag and known-mask flag of each row.

    ``further`` float32 [N, K - 1] are the answers to questions beside fracture, NaN where they are not known.
    """

    pack: Pack
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    phantom: NDArray[np.bool_]
    known: NDArray[np.bool_]
    further: NDArray[np.float32] | None = None

    @cached_property
    def answers(self) -> NDArray[np.float32]:
        """Answers to all questions, float32 [N, K], fracture first."""
        return all_answers(self.labels, self.further)


def all_answers(labels: NDArray[np.int64], further: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Labels [N] and the answers [N, K - 1] to further questions, if there are any, side by side: float32 [N, K]."""
    first = labels[:, None].astype(np.float32)
    return first if further is None else np.concatenate([first, further], axis=1)


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
            "label": torch.from_numpy(self.data.answers[indices]),
            "known": torch.from_numpy(self.data.known[indices].astype(np.float32)),
        }


class _Averaging(EMAWeightAveraging):
    """Gives the averaged weights also where a run is resumed after its last epoch: the loop then ends unstarted."""

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Again, where ``on_train_end`` did it."""
        self._copy_average_to_current(pl_module)


class _LastEpoch(ModelCheckpoint):
    """Keeps one state under one name, and nothing of itself in it: the same run gives the same bytes in any folder."""

    def state_dict(self) -> dict[str, object]:
        """Not even the folder's path."""
        return {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """There is nothing."""


def packed_batches(data: TrainingSet, sampler: Sampler[int], batch_size: int) -> Batches:
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
    tasks: tuple[TaskSpec, ...] = (FRACTURE,),
) -> FractureNet:
    """Train to the end of the recipe; with ``resume`` go on from the last whole epoch kept in ``folder``.

    Returns the network with the averaged weights, in eval mode. Processes started by ``torchrun`` train it together.
    Raises CheckpointError, OutputError, TrainingError, UsageError.
    """
    pl.seed_everything(recipe.seed, workers=True, verbose=False)
    processes = started_processes()
    loader = batches(recipe, data, processes)
    shown = torch.from_numpy(data.answers[_sampler(recipe, data, ALONE).order()])
    task = FractureTask(recipe, max(2, len(loader) * recipe.epochs), tasks, shown.nanmean(0).nan_to_num(0.5))
    watching = [_Averaging(decay=recipe.optimiser.average_decay), *callbacks]
    run(
        task,
        loader,
        folder / "state.safetensors",
        recipe.epochs,
        watching,
        resume=resume,
        progress=progress,
        processes=processes,
        precision=recipe.precision,
    )
    return task.trained()


def batches(recipe: Recipe, data: TrainingSet, processes: Processes = ALONE) -> Batches:
    """The recipe's batches of ``data``, drawn anew each epoch; its batch size is that of all processes together."""
    sampler, size = _sampler(recipe, data, processes), recipe.optimiser.batch_size
    if size % processes.count:
        raise UsageError(f"optimiser.batch_size is {size}, which {processes.count} processes cannot share evenly")
    loader = packed_batches(data, sampler, size // processes.count)
    if not len(loader):
        raise UsageError(f"optimiser.batch_size is {size}, but an epoch shows only {len(sampler.order())} radiographs")
    return loader


def _sampler(recipe: Recipe, data: TrainingSet, processes: Processes) -> EpochSampler:
    size = recipe.optimiser.batch_size
    return EpochSampler(data.labels, data.phantom, recipe.sampling, recipe.seed, size, processes)


def run(
    task: pl.LightningModule,
    loader: Batches,
    state: Path,
    epochs: int,
    callbacks: Sequence[Callback],
    *,
    resume: bool,
    progress: bool,
    processes: Processes = ALONE,
    precision: str = "fp32",
) -> None:
    """Run ``task`` for ``epochs``, keeping the last whole epoch in ``state``.

    Raises CheckpointError, OutputError, TrainingError.
    """
    keep_memory()
    keep = _LastEpoch(dirpath=state.parent, filename=state.stem, save_top_k=1, enable_version_counter=False)
    keep.FILE_EXTENSION = state.suffix
    shown = [RichProgressBar(console_kwargs={"stderr": True})] if progress else []  # stdout is for results
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*GPU available but not used.*")
        warnings.filterwarnings("ignore", message=".*irectory .* exists and is not empty.*")  # TensorBoard's, for one
        trainer = pl.Trainer(
            accelerator="auto",
            devices=processes.here,
            num_nodes=processes.count // processes.here,
            strategy=DDPStrategy(timeout=_LONGEST_WAIT) if processes.count > 1 else "auto",
            use_distributed_sampler=False,  # the sampler deals by itself
            precision=_lightning_precision(precision),
            max_epochs=epochs,
            callbacks=[keep, StopAtNaN(), *callbacks, *shown],
            plugins=[SafetensorsIO()],
            logger=[
                CSVLogger(state.parent, name="", version=""),
                TensorBoardLogger(state.parent, name="", version="tensorboard", default_hp_metric=False),
            ],
            log_every_n_steps=10,
            enable_progress_bar=progress,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        try:
            trainer.fit(task, loader, ckpt_path=state if resume and state.exists() else None)
        except OSError as error:
            raise durable.refused(state.parent, error) from error


def _lightning_precision(wanted: str) -> Literal["32-true", "bf16-mixed"]:
    if wanted == "auto":
        wanted = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"
    return "bf16-mixed" if wanted == "bf16" else "32-true"
