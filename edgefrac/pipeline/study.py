"""A study: train by a recipe on id blocks or patients, and measure on the fold that was never seen.

Each fold leaves ``fold<k>/checkpoint.safetensors`` and ``fold<k>/validation.json`` in the run's folder; a fold that has
both is not trained again, so an interrupted cross-validation goes on where it was. The recipe's own fold also leaves
``release.safetensors``: measured, of half the size, ready to export (see ``pipeline.release``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgefrac import __version__
from edgefrac.contract import TrainingData, pack_hashes
from edgefrac.datasets import Folds, find_duplicates, fracture_task, load_folds, make_folds, open_dataset
from edgefrac.datasets.duplicates import load_duplicates
from edgefrac.datasets.files import write_atomically
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.errors import UsageError
from edgefrac.evaluation import figures_document
from edgefrac.models.checkpoint import CheckpointInfo, save_checkpoint
from edgefrac.models.network import FractureNet
from edgefrac.pipeline.freezing import HeldOut, freeze
from edgefrac.pipeline.release import Trained, release
from edgefrac.pipeline.run_folder import claim
from edgefrac.progress import Note, Track, silent
from edgefrac.training.cache import Pack, pack
from edgefrac.training.fit import TrainingSet, fit
from edgefrac.training.processes import part, started_processes
from edgefrac.training.recipe import Recipe
from edgefrac.training.teachers import require_unseen
from edgefrac.verification.figures import figures

CHECKPOINT, RELEASE = "checkpoint.safetensors", "release.safetensors"
PACK_MARGIN = 1.2  # packed images are this much larger than the largest input, for augmentation to zoom in


@dataclass(frozen=True)
class StudyRequest:
    """What to train and where; ``all_folds`` cross-validates.

    A split that the recipe names is looked for as given, else beside the recipe in ``recipe_folder``.
    """

    recipe: Recipe
    data: str
    out: Path
    resume: bool = False
    all_folds: bool = False
    recipe_folder: Path = Path()


@dataclass(frozen=True)
class _Material:
    """Real radiographs and phantoms in one pack, with the fold of each packed image (-1: phantom, always trained)."""

    dataset: Dataset
    folds: Folds
    large: Pack
    exact: Pack
    labels: np.ndarray
    fold: np.ndarray
    known: np.ndarray
    phantom: np.ndarray


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
    material = _prepare(request, run, note, track)
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
            data, shown = _training_set(material, fold), progress and first
            network = fit(_for_fold(recipe, fold), data, folder, resume=request.resume, progress=shown)
            if first:
                _measure_fold(_for_fold(recipe, fold), network, material, fold, folder, track)
        if not first:
            continue
        if fold == recipe.data.fold and not (folder / RELEASE).exists():
            trained = _trained(recipe, material, fold, folder)
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
    write_atomically(run / "results.json", json.dumps(result, indent=1).encode())
    return result


def _prepare(request: StudyRequest, run: Path, note: Note, track: Track) -> _Material:
    recipe = request.recipe
    real = fracture_task(open_dataset(request.data))
    for finding in real.findings:
        note(f"{real.name}: {finding}")
    folds = _folds(real, request, run, note, track)
    real = replace(real, samples=tuple(s for s in real.samples if s.id in folds.fold_of))
    phantoms = phantom_dataset(recipe.data.phantoms, recipe.data.phantom_seed).samples if recipe.data.phantoms else ()
    both = replace(real, samples=(*real.samples, *phantoms))
    large = pack(both, packed_side(recipe), run / "cache", track)
    exact = pack(real, recipe.input_size, run / "cache", track)
    kept = [both.samples[i] for i in large.kept]
    folds.require_unchanged({s.id: digest for s, digest in zip(kept, large.sha256, strict=True)})
    return _Material(
        dataset=real,
        folds=folds,
        large=large,
        exact=exact,
        labels=np.array([s.label for s in kept]),
        fold=np.array([folds.fold_of.get(s.id, -1) for s in kept]),
        known=np.array([s.label == 0 or bool(s.boxes) for s in kept]),
        phantom=np.array([s.id not in folds.fold_of for s in kept]),
    )


def packed_side(recipe: Recipe) -> int:
    """Side in pixels of the images that augmentation takes its views from."""
    largest = max(stage.size for stage in recipe.stages)
    return -(-int(largest * PACK_MARGIN) // 32) * 32


def _folds(dataset: Dataset, request: StudyRequest, run: Path, note: Note, track: Track) -> Folds:
    """The stored split that the recipe names, else one made by its numbers; the run keeps a copy."""
    settings = request.recipe.data
    if settings.split:
        given = Path(settings.split)
        folds = load_folds(given if given.exists() else request.recipe_folder / given)
        folds.split(dataset, 0)  # raises for radiographs that it does not know
        note(f"{dataset.name}: {folds.k} folds as stored in {settings.split}")
    else:
        duplicates = _duplicates(dataset, run, note, track)
        folds = make_folds(dataset, k=settings.folds, seed=settings.split_seed, duplicates=duplicates)
    folds.save(run / "split.json")
    return folds


def _duplicates(dataset: Dataset, run: Path, note: Note, track: Track) -> Any:
    stored = run / "duplicates.json"
    if not stored.exists():
        note(f"{dataset.name}: looking for duplicates among {len(dataset)} radiographs")
        run.mkdir(parents=True, exist_ok=True)
        find_duplicates(dataset, track=track).save(stored)
    return load_duplicates(stored)


def _for_fold(recipe: Recipe, fold: int) -> Recipe:
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"fold": fold})})


def _require_unseen(recipe: Recipe, material: _Material, note: Note) -> None:
    """The held-out fold must be new to all networks that have a part in the training."""
    held_out = [h for h, f in zip(material.large.sha256, material.fold, strict=True) if f == recipe.data.fold]
    for path in require_unseen(recipe, held_out):
        note(
            f"{path}: does not say what it was trained on; if it has seen fold {recipe.data.fold}, figures are too good"
        )


def _measure_fold(
    recipe: Recipe, network: FractureNet, material: _Material, fold: int, folder: Path, track: Track
) -> None:
    samples, held_out = _held_out(material, fold)
    state, probability = freeze(network, held_out, recipe.minimum_sensitivity, track)
    trained_on = [
        h for h, f, p in zip(material.large.sha256, material.fold, material.phantom, strict=True) if f != fold and not p
    ]
    info = CheckpointInfo(
        name=recipe.name,
        version=__version__,
        architecture=recipe.architecture,
        input_size=recipe.input_size,
        tasks=(state,),
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
        "probability": probability.tolist(),
        "threshold": state.threshold,
    }
    write_atomically(folder / "validation.json", json.dumps(document).encode())


def _training_set(material: _Material, fold: int) -> TrainingSet:
    rows = np.flatnonzero(material.fold != fold)
    return TrainingSet(material.large, rows, material.labels[rows], material.phantom[rows], material.known[rows])


def _held_out(material: _Material, fold: int) -> tuple[list[Sample], HeldOut]:
    """The readable radiographs of a fold, at the network's input size."""
    rows = [n for n, i in enumerate(material.exact.kept) if material.folds.fold_of[_sample(material, i).id] == fold]
    samples = [_sample(material, material.exact.kept[n]) for n in rows]
    return samples, HeldOut(material.exact.images[rows], np.array([s.label for s in samples]))


def _trained(recipe: Recipe, material: _Material, fold: int, folder: Path) -> Trained:
    training, held_out = material.folds.split(material.dataset, fold)
    return Trained(
        checkpoint=folder / CHECKPOINT,
        recipe=recipe,
        training=training,
        packed=_training_set(material, fold),
        dataset=replace(material.dataset, samples=tuple(held_out)),
        held_out=_held_out(material, fold)[1],
    )


def _sample(material: _Material, index: int) -> Sample:
    return material.dataset.samples[index]


def _pooled(validations: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures over the out-of-fold predictions of all folds, each at its own fold's calibration and threshold."""
    labels = np.concatenate([v["labels"] for v in validations])
    groups = np.concatenate([v["groups"] for v in validations])
    # shifting each fold's log-odds by its own threshold lets one threshold serve the pooled figures
    shifted = np.concatenate([_logit(v["probability"]) - _logit([v["threshold"]]) for v in validations])
    return figures_document(figures(labels, 1 / (1 + np.exp(-shifted)), groups, 0.5))


def _logit(probability: Any) -> np.ndarray:
    p = np.clip(np.asarray(probability, np.float64), 1e-12, 1 - 1e-12)
    return np.log(p / (1 - p))
