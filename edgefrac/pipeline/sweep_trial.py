"""One trial of a sweep: train on inner folds, export to int8, measure that file on the validation fold.

The fold that the base recipe reports on is in no fold of the inner split, so no trial can see its radiographs; the next
fold is the validation fold.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefrac import durable
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.splits import Folds
from edgefrac.errors import ConversionError, UsageError
from edgefrac.pipeline.freezing import HeldOut
from edgefrac.pipeline.material import Material, StudyRequest, held_out_of, prepare, split_of
from edgefrac.pipeline.quantizing import carried_exact
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.release import make_exportable
from edgefrac.pipeline.study import train_fold, trained_fold
from edgefrac.pipeline.subject import load_subject
from edgefrac.pipeline.sweep_recipe import Sweep
from edgefrac.progress import Note, Track
from edgefrac.quantization.plan import Native
from edgefrac.runtimes.session import Session, open_session
from edgefrac.targets import tflite
from edgefrac.targets.registry import find
from edgefrac.training.recipe import Recipe
from edgefrac.verification.figures import figures

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback

INT8 = f"int8{tflite.SUFFIX}"
_WARM_UP = 5
_ROUNDS = 30


@dataclass(frozen=True)
class Arena:
    """What all trials share: the data, and the inner split (stored at ``split``) with its ``validation`` fold."""

    location: str
    folder: Path
    split: Path
    outer: Folds
    inner: Folds
    validation: int


def open_arena(sweep: Sweep, location: str, out: Path, note: Note, track: Track) -> Arena:
    """Split the data as the base recipe does, and take its reported fold away; raises UsageError, DatasetError."""
    dataset = fracture_task(open_dataset(location))
    for finding in dataset.findings:
        note(f"{dataset.name}: {finding}")
    request = StudyRequest(sweep.base, location, out, recipe_folder=sweep.base_folder)
    outer = split_of(dataset, request, out, note, track)
    reported = sweep.base.data.fold
    if reported >= outer.k:
        raise UsageError(f"data.fold is {reported}, but there are {outer.k} folds (from 0)")
    if outer.k < 3:
        raise UsageError(
            "a sweep needs 3 folds: the reported one, which it never looks at, one to validate on, one to train on",
            hint="set data.folds in the base recipe, or give it a split of more folds",
        )
    inner = outer.without(reported)
    arena = Arena(location, out, out / "inner.split.json", outer, inner, (reported + 1) % outer.k)
    inner.save(arena.split)
    return arena


def inner_recipe(recipe: Recipe, arena: Arena) -> Recipe:
    """``recipe`` on the inner split."""
    data = recipe.data.model_copy(update={"split": str(arena.split), "fold": arena.validation})
    return recipe.model_copy(update={"data": data})


def material_of(recipe: Recipe, arena: Arena, track: Track) -> Material:
    """The packed radiographs of a trial; trials of one input size share them."""
    request = StudyRequest(recipe, arena.location, arena.folder)
    return prepare(request, arena.folder / "material", lambda _: None, track)


def run_trial(
    recipe: Recipe,
    material: Material,
    folder: Path,
    callbacks: Sequence[Callback],
    *,
    note: Note,
    track: Track,
    progress: bool,
) -> dict[str, Any]:
    """Train ``recipe``, leave its int8 file in ``folder``, and return that file's figures on the validation fold."""
    fold = recipe.data.fold
    shutil.rmtree(folder, ignore_errors=True)
    try:
        train_fold(recipe, material, fold, folder, False, track, progress, callbacks)
        trained = trained_fold(recipe, material, fold, folder)
        release = folder / "release.safetensors"
        make_exportable(trained, release, note=note, track=track, resume=False, progress=progress)
    finally:
        for state in folder.rglob("state.safetensors"):  # the largest of its files, and nothing goes on from it
            state.unlink()
    session = open_session(_write_int8(release, folder / INT8, note))
    samples, held_out = held_out_of(material, fold)
    found = figures(
        held_out.labels,
        _probabilities(session, held_out, track),
        [sample.group for sample in samples],
        session.contract.task().threshold,
    )
    if found.auroc.interval is None:
        raise UsageError(
            f"fold {fold}: {found.positives} fractured of {found.n} are too few for an interval of the AUROC"
        )
    return {
        "auroc": found.auroc.value,
        "auroc_ci": found.auroc.interval,
        "n": found.n,
        "positives": found.positives,
        "bytes": session.path.stat().st_size,
        **latencies([session])[0],
    }


def _write_int8(checkpoint: Path, path: Path, note: Note) -> Path:
    """The int8 file that an export would write: of the exact plan, or TFLite's own where a network has none."""
    subject = load_subject(checkpoint, None, ExportRecipe())
    contract = subject.exportable.contract("int8", subject.identity, subject.plan_source)
    target = find("tflite")
    try:
        try:
            target.write_integers(carried_exact(subject).network, contract, path)
        except ConversionError as error:
            note(f"no exact plan: {error.message}")
            target.write(target.convert(subject.exportable), contract, Native(None, subject.plan), path)
    except OSError as error:
        raise durable.refused(path, error) from error
    return path


def _probabilities(session: Session, held_out: HeldOut, track: Track) -> NDArray[np.float64]:
    """What a model file says about each held-out radiograph."""
    channel = session.contract.task().first_channel
    said = [session.predict(image).probability[channel] for image in track(list(held_out.images), "int8")]
    return np.array(said, np.float64)


def latencies(sessions: Sequence[Session]) -> list[dict[str, Any]]:
    """Milliseconds a run of each session: the median, and the quartiles as its spread.

    The sessions take turns, so that what else the machine does strikes all of them alike.
    """
    blank = [np.zeros((session.contract.input.size,) * 2, np.uint8) for session in sessions]
    taken: list[list[float]] = [[] for _ in sessions]
    for turn in range(_WARM_UP + _ROUNDS):
        for session, image, times in zip(sessions, blank, taken, strict=True):
            started = time.perf_counter()
            session.predict(image)
            if turn >= _WARM_UP:
                times.append(1000 * (time.perf_counter() - started))
    return [_summary(times) for times in taken]


def _summary(times: list[float]) -> dict[str, Any]:
    low, median, high = (float(value) for value in np.percentile(times, [25, 50, 75]))
    return {"latency_ms": median, "latency_quartiles": [low, high]}
