"""A study: trains on a stored split, leaves what an export needs, and refuses data that the split was not made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgefrac.datasets import find_duplicates, load_folds, make_folds, open_dataset
from edgefrac.errors import DatasetError, UsageError
from edgefrac.models.checkpoint import read_info
from edgefrac.pipeline.study import StudyRequest, run_study
from edgefrac.progress import silent
from edgefrac.training.recipe import Data, Recipe, Sampling, Stage

PHANTOMS = "phantom:n=48,seed=5"
RECIPE = Recipe(
    name="small",
    architecture="tiny",
    pretrained=False,
    stages=(Stage(epochs=1, size=64),),
    sampling=Sampling(phantom_share=0),
)


def study(folder: Path, location: str = PHANTOMS, **data: Any) -> dict[str, Any]:
    recipe = RECIPE.model_copy(update={"data": Data(**data)})
    return run_study(StudyRequest(recipe, location, folder), note=lambda _: None, track=silent, progress=False)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = open_dataset(PHANTOMS)
    path = tmp_path_factory.mktemp("split") / "split.json"
    make_folds(dataset, k=3, seed=9, duplicates=find_duplicates(dataset)).save(path)
    return path


def test_the_fold_of_a_stored_split_is_held_out(stored: Path, tmp_path: Path) -> None:
    result = study(tmp_path, split=str(stored), fold=2)
    folds = load_folds(stored)
    validation = json.loads((tmp_path / "small" / "fold2" / "validation.json").read_text())
    assert set(validation["ids"]) == {name for name, fold in folds.fold_of.items() if fold == 2}
    assert load_folds(tmp_path / "small" / "split.json") == folds
    info = read_info(Path(result["release"]))
    seen = info.training_data.seen_hashes()
    assert seen == {digest[:12] for name, digest in folds.sha256.items() if folds.fold_of.get(name, 2) != 2}
    assert info.ranges and info.metrics["n"] == len(validation["ids"])


def test_a_split_for_other_data_is_refused(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="are in no fold of the split"):
        study(tmp_path, "phantom:n=60,seed=6", split=str(stored))


def test_radiographs_that_changed_are_refused(stored: Path, tmp_path: Path) -> None:
    folds = load_folds(stored)
    name = next(iter(folds.fold_of))
    other = tmp_path / "other.json"
    folds.model_copy(update={"sha256": {**folds.sha256, name: "0" * 64}}).save(other)
    with pytest.raises(DatasetError, match="1 radiographs changed since the split was made"):
        study(tmp_path, split=str(other))


@pytest.mark.parametrize("split", [True, False])
def test_a_fold_that_is_not_there(stored: Path, split: bool, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fold is 3, but there are 3 folds"):
        study(tmp_path, fold=3, folds=3, split=str(stored) if split else "")
