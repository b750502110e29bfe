"""A study: train by a recipe on id blocks or patients, and measure on the fold that was never seen.

Each fold leaves ``fold<k>/checkpoint.safetensors`` and ``fold<k>/validation.json`` in the run's folder; a fold that has
both is not trained again, so an interrupted cross-validation goes on where it was. The recipe's own fold also leaves
``release.safetensors``: measured, of half the size, ready to export (see ``pipeline.release``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgefrac import __version__, durable
from edgefrac.contract import TrainingData, pack_hashes
from edgefrac.errors import UsageError
from edgefrac.evaluation import figures_document, multilabel_document
from edgefrac.models.checkpoint import CheckpointInfo, TaskState, save_checkpoint
from edgefrac.models.network import FractureNet, TaskSpec
from edgefrac.pipeline.freezing import HeldOut, freeze
from edgefrac.pipeline.material import Material, StudyRequest, held_out_of, prepare, training_set
from edgefrac.pipeline.release import Trained, release
from edgefrac.pipeline.run_folder import claim
from edgefrac.progress import Note, Track, silent
from edgefrac.training.fit import fit
from edgefrac.training.processes import part, started_processes
from edgefrac.training.recipe import Recipe
from edgefrac.training.teachers import require_unseen
from edgefrac.verification.figures import figures

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback

CHECKPOINT, RELEASE = "checkpoint.safetensors", "release.safetensors"


def run_study(request: StudyRequest, *, note: Note, track: Track, progress: bool = True) -> dict[str, Any]:
    """Train the recipe's fold, or all; returns checkpoint paths and out-of-fold figures with 95 % intervals.

    Processes that ``torchrun`` started train together; then the first measures and writes, and the others return {}.
    Raises what reading data and training raise, and RecipeError where the folder holds a run of another recipe.
    """
    try:
        return _run(request, note, track, progress)
    finally:
        part()


def _run(request: StudyRequest, note: Note, track: Track, progress: bool) -> dict[str, Any]:
    recipe = request.recipe
    run = request.out / recipe.name
    first = started_processes().rank == 0
    note, track = (note, track) if first else (lambda _: None, silent)
    if first:
        claim(run, recipe, resume=request.resume)
    material = prepare(request, run, note, track)
    if recipe.data.fold >= material.folds.k:
        raise UsageError(f"data.fold is {recipe.data.fold}, but there are {material.folds.k} folds (from 0)")
    wanted = range(material.folds.k) if request.all_folds else [recipe.data.fold]
    untrained = [fold for fold in wanted if not (run / f"fold{fold}" / "validation.json").exists()]
    for fold in untrained:
        _require_unseen(_for_fold(recipe, fold), material, note)
    validations = []
    for fold in wanted:
        folder = run / f"fold{fold}"
        if fold in untrained:
            note(f"training fold {fold} of {material.folds.k}")
            train_fold(recipe, material, fold, folder, request.resume, track, progress)
        if not first:
            continue
        if fold == recipe.data.fold and not (folder / RELEASE).exists():
            trained = trained_fold(recipe, material, fold, folder)
            release(trained, folder / RELEASE, note=note, track=track, resume=request.resume, progress=progress)
        validations.append(json.loads((folder / "validation.json").read_text(encoding="utf-8")))
    if not first:
        return {}
    result = {
        "checkpoints": [str(run / f"fold{fold}" / CHECKPOINT) for fold in wanted],
        "release": str(run / f"fold{recipe.data.fold}" / RELEASE),
        "out_of_fold": _pooled(validations),
        "folds": [{"fold": fold, **_pooled([v])} for fold, v in zip(wanted, validations, strict=True)],
    }
    durable.write(run / "results.json", json.dumps(result, indent=1).encode())
    return result


def _for_fold(recipe: Recipe, fold: int) -> Recipe:
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"fold": fold})})


def _require_unseen(recipe: Recipe, material: Material, note: Note) -> None:
    """The held-out fold must be new to all networks that have a part in the training."""
    held_out = [h for h, f in zip(material.large.sha256, material.fold, strict=True) if f == recipe.data.fold]
    for path in require_unseen(recipe, held_out):
        note(
            f"{path}: does not say what it was trained on; if it has seen fold {recipe.data.fold}, figures are too good"
        )


def train_fold(
    recipe: Recipe,
    material: Material,
    fold: int,
    folder: Path,
    resume: bool,
    track: Track,
    progress: bool,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train with ``fold`` held out; the first process leaves its checkpoint and its predictions in ``folder``."""
    recipe, first = _for_fold(recipe, fold), started_processes().rank == 0
    data, shown = training_set(material, fold), progress and first
    tasks = tuple(TaskSpec(q.name, q.kind, q.classes) for q in material.questions)
    network = fit(recipe, data, folder, resume=resume, progress=shown, callbacks=callbacks, tasks=tasks)
    if first:
        _measure_fold(recipe, network, material, fold, folder, track)


def _measure_fold(
    recipe: Recipe, network: FractureNet, material: Material, fold: int, folder: Path, track: Track
) -> None:
    samples, held_out = held_out_of(material, fold)
    states, probability = freeze(network, held_out, recipe.minimum_sensitivity, track)
    trained_on = [
        h for h, f, p in zip(material.large.sha256, material.fold, material.phantom, strict=True) if f != fold and not p
    ]
    info = CheckpointInfo(
        name=recipe.name,
        version=__version__,
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        refinement=network.head.refinement,
        scales=network.scales,
        tasks=states,
        training_data=TrainingData(
            names=(material.dataset.name, *(("phantoms, not clinical",) if material.phantom.any() else ())),
            licence=material.dataset.licence,
            attribution=material.dataset.attribution,
            seen=pack_hashes(trained_on),
        ),
        recipe=recipe.model_dump(mode="json"),
    )
    path = folder / CHECKPOINT
    save_checkpoint(path, network, info)
    document = {
        "ids": [s.id for s in samples],
        "labels": held_out.labels.tolist(),
        "groups": [s.group for s in samples],
        "probability": probability[:, 0].tolist(),
        "threshold": states[0].threshold,
        "tasks": _further_answers(states, held_out, probability),
    }
    durable.write(folder / "validation.json", json.dumps(document).encode())


def trained_fold(recipe: Recipe, material: Material, fold: int, folder: Path) -> Trained:
    """What ``train_fold`` left in ``folder``, ready for its release."""
    training, held_out = material.folds.split(material.dataset, fold)
    return Trained(
        checkpoint=folder / CHECKPOINT,
        recipe=recipe,
        training=training,
        packed=training_set(material, fold),
        dataset=replace(material.dataset, samples=tuple(held_out)),
        held_out=held_out_of(material, fold)[1],
    )


def _further_answers(states: tuple[TaskState, ...], held_out: HeldOut, probability: np.ndarray) -> dict[str, Any]:
    """By task beside fracture: its classes, and of the images whose answer is known, answers and probabilities."""
    found: dict[str, Any] = {}
    first = 1
    for state in states[1:]:
        channels = slice(first, first + len(state.classes))
        answers = held_out.answers[:, channels]
        known = ~np.isnan(answers).any(axis=1)
        found[state.name] = {
            "classes": state.classes,
            "images": np.flatnonzero(known).tolist(),
            "answers": answers[known].tolist(),
            "probability": probability[known, channels].tolist(),
        }
        first = channels.stop
    return found


def _pooled(validations: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures over the out-of-fold predictions of all folds, each at its own fold's calibration and threshold."""
    labels = np.concatenate([v["labels"] for v in validations])
    groups = np.concatenate([v["groups"] for v in validations])
    # shifting each fold's log-odds by its own threshold lets one threshold serve the pooled figures
    shifted = np.concatenate([_logit(v["probability"]) - _logit([v["threshold"]]) for v in validations])
    document = figures_document(figures(labels, 1 / (1 + np.exp(-shifted)), groups, 0.5))
    names = validations[0]["tasks"]
    further = {name: _pooled_task([(v["tasks"][name], v["groups"]) for v in validations]) for name in names}
    return {**document, "tasks": further} if further else document


def _pooled_task(parts: list[tuple[dict[str, Any], list[str]]]) -> dict[str, Any]:
    answers = np.concatenate([part["answers"] for part, _ in parts])
    probability = np.concatenate([part["probability"] for part, _ in parts])
    groups = np.concatenate([np.array(groups)[part["images"]] for part, groups in parts])
    return multilabel_document(parts[0][0]["classes"], answers, probability, groups)


def _logit(probability: Any) -> np.ndarray:
    p = np.clip(np.asarray(probability, np.float64), 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))
