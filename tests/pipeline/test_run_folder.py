"""A run's folder belongs to one recipe: going on with another is refused, and the changed key is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgefrac.errors import RecipeError
from edgefrac.pipeline.run_folder import claim
from edgefrac.training.recipe import Data, Int8, Optimiser, Recipe, Stage

RECIPE = Recipe(name="small", architecture="tiny", stages=(Stage(epochs=1, size=64),))


def changed(**sections: Any) -> Recipe:
    return RECIPE.model_copy(update=sections)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    claim(tmp_path, RECIPE, resume=False)
    return tmp_path


def finish(run: Path) -> None:
    (run / "fold1").mkdir()
    (run / "fold1" / "validation.json").write_text("{}")


def test_the_same_recipe_goes_on(run: Path) -> None:
    finish(run)
    for resume in (True, False):
        claim(run, RECIPE, resume=resume)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"optimiser": Optimiser(learning_rate=1e-3)}, "optimiser.learning_rate 0.0006, and the recipe says 0.001"),
        ({"int8": Int8(epochs=2)}, "int8.epochs 0, and the recipe says 2"),
        ({"seed": 8, "pretrained": False}, "pretrained True, and the recipe says False and 1 keys more"),
        (
            {"stages": (Stage(epochs=2, size=64),)},
            "stages ({'epochs': 1, 'size': 64, 'view': 1.0},), "
            "and the recipe says ({'epochs': 2, 'size': 64, 'view': 1.0},)",
        ),
        (
            {"data": Data(path="a.csv", columns={"label": "fx"})},
            "data.path '', and the recipe says 'a.csv' and 1 keys more",
        ),
    ],
)
def test_a_changed_recipe_is_refused_on_resume(run: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        claim(run, changed(**sections), resume=True)
    assert str(caught.value) == f"{run}: holds a run with {said}"
    assert "--out" in caught.value.hint
    claim(run, RECIPE, resume=True)


def test_a_finished_fold_is_not_taken_for_that_of_a_changed_recipe(run: Path) -> None:
    finish(run)
    with pytest.raises(RecipeError, match="holds a run with seed 7"):
        claim(run, changed(seed=8), resume=False)


def test_a_run_that_is_started_anew_may_be_changed(run: Path) -> None:
    claim(run, changed(seed=8), resume=False)
    with pytest.raises(RecipeError, match="holds a run with seed 8"):
        claim(run, RECIPE, resume=True)


def test_another_fold_is_the_same_run(run: Path) -> None:
    finish(run)
    claim(run, changed(data=Data(fold=2)), resume=True)


def test_a_recipe_without_newer_keys_had_their_defaults(run: Path) -> None:
    stored = json.loads((run / "recipe.json").read_text())
    del stored["distillation"]
    (run / "recipe.json").write_text(json.dumps(stored))
    claim(run, RECIPE, resume=True)


@pytest.mark.parametrize("text", ["{", '{"name": "small", "former_key": 1}'])
def test_a_stored_recipe_that_cannot_be_read(run: Path, text: str) -> None:
    (run / "recipe.json").write_text(text)
    with pytest.raises(RecipeError, match=r"recipe\.json: cannot be read, or is of another version"):
        claim(run, RECIPE, resume=True)
