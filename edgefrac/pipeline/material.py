"""What a study trains on: radiographs and phantoms, opened, asked, split into folds and packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgefrac.datasets import Folds, find_duplicates, fracture_task, load_folds, make_folds, open_dataset
from edgefrac.datasets.duplicates import load_duplicates
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.questions import Question, ask
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.pipeline.freezing import HeldOut
from edgefrac.progress import Note, Track
from edgefrac.training.cache import Pack, pack
from edgefrac.training.fit import TrainingSet
from edgefrac.training.recipe import Recipe

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
class Material:
    """Real radiographs and phantoms in one pack, with the fold of each packed image (-1: phantom, always trained).

    ``further`` float32 [N, K - 1] are the answers to ``questions`` beside fracture, NaN where they are not known.
    """

    dataset: Dataset
    questions: tuple[Question, ...]
    folds: Folds
    large: Pack
    exact: Pack
    labels: np.ndarray
    further: np.ndarray
    fold: np.ndarray
    known: np.ndarray
    phantom: np.ndarray


def prepare(request: StudyRequest, run: Path, note: Note, track: Track) -> Material:
    """Open, split and pack what ``request`` trains on; packs and split are kept in ``run``."""
    recipe = request.recipe
    real = fracture_task(open_dataset(request.data))
    for finding in real.findings:
        note(f"{real.name}: {finding}")
    folds = split_of(real, request, run, note, track)
    real = replace(real, samples=tuple(s for s in real.samples if s.id in folds.fold_of))
    questions = ask(real, list(recipe.tasks))
    phantoms = phantom_dataset(recipe.data.phantoms, recipe.data.phantom_seed).samples if recipe.data.phantoms else ()
    both = replace(real, samples=(*real.samples, *phantoms))
    large = pack(both, packed_side(recipe), run / "cache", track)
    exact = pack(real, recipe.input_size, run / "cache", track)
    kept = [both.samples[i] for i in large.kept]
    folds.require_unchanged({s.id: digest for s, digest in zip(kept, large.sha256, strict=True)})
    return Material(
        dataset=real,
        questions=questions,
        folds=folds,
        large=large,
        exact=exact,
        labels=np.array([s.label for s in kept]),
        further=_further(questions, kept),
        fold=np.array([folds.fold_of.get(s.id, -1) for s in kept]),
        known=np.array([s.label == 0 or bool(s.boxes) for s in kept]),
        phantom=np.array([s.id not in folds.fold_of for s in kept]),
    )


def packed_side(recipe: Recipe) -> int:
    """Side in pixels of the images that augmentation takes its views from."""
    largest = max(stage.size for stage in recipe.stages)
    return -(-int(largest * PACK_MARGIN) // 32) * 32


def split_of(dataset: Dataset, request: StudyRequest, run: Path, note: Note, track: Track) -> Folds:
    """The stored split that the recipe names, else one made by its numbers; the run keeps a copy."""
    settings = request.recipe.data
    if settings.split:
        given = Path(settings.split)
        folds = load_folds(given if given.exists() else request.recipe_folder / given)
        folds.split(dataset, 0)  # raises for radiographs that it does not know
        note(f"{dataset.name}: {folds.k} folds as stored in {settings.split}")
    else:
        duplicates = None if dataset.synthetic else _duplicates(dataset, run, note, track)
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


def training_set(material: Material, fold: int) -> TrainingSet:
    """All but a fold, phantoms included."""
    rows = np.flatnonzero(material.fold != fold)
    labels, phantom, known = material.labels[rows], material.phantom[rows], material.known[rows]
    return TrainingSet(material.large, rows, labels, phantom, known, material.further[rows])


def held_out_of(material: Material, fold: int) -> tuple[list[Sample], HeldOut]:
    """The readable radiographs of a fold, at the network's input size."""
    packed = [material.dataset.samples[i] for i in material.exact.kept]
    rows = [n for n, sample in enumerate(packed) if material.folds.fold_of[sample.id] == fold]
    samples = [packed[n] for n in rows]
    labels = np.array([s.label for s in samples])
    return samples, HeldOut(material.exact.images[rows], labels, _further(material.questions, samples))


def _further(questions: Sequence[Question], samples: Sequence[Sample]) -> np.ndarray:
    answers = [[a for q in questions[1:] for a in q.answers(s.label, s.facets)] for s in samples]
    return np.array(answers, np.float32).reshape(len(samples), -1)
