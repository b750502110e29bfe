"""Training recipes: the shipped ones are valid, and a wrong one is an error that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac.errors import RecipeError
from edgefrac.recipes import bundled_recipes
from edgefrac.recipes.reading import read_recipe
from edgefrac.training.recipe import Recipe

GOOD = """
name: small
architecture: tiny
stages:
  - {epochs: 2, size: 64, view: 0.5}
  - {epochs: 3, size: 96}
optimiser:
  batch_size: 8
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(GOOD)
    return file


@pytest.mark.parametrize("name", [name for name in bundled_recipes("train") if "sweep" not in name])
def test_every_shipped_recipe_is_valid(name: str) -> None:
    recipe = read_recipe(bundled_recipes("train")[name], Recipe)
    assert recipe.name == name and recipe.epochs >= 1


def test_columns_of_a_table(path: Path) -> None:
    table = ["data.path=sets/labels.csv", "data.columns.file=image path", "data.columns.label=fx"]
    assert read_recipe(path, Recipe, table).data.location == "sets/labels.csv?file=image+path&label=fx"
    assert read_recipe(path, Recipe, table[:1]).data.location == "sets/labels.csv"
    with pytest.raises(RecipeError, match=r"data\.columns: .*path is no \.csv"):
        read_recipe(path, Recipe, ["data.path=sets", *table[1:]])
    with pytest.raises(RecipeError, match=r"data\.columns\.patients"):
        read_recipe(path, Recipe, [*table, "data.columns.patients=pid"])


def test_stages_follow_each_other(path: Path) -> None:
    recipe = read_recipe(path, Recipe)
    assert (recipe.epochs, recipe.input_size, recipe.optimiser.batch_size) == (5, 96, 8)
    assert [recipe.stage_at(epoch).size for epoch in range(5)] == [64, 64, 96, 96, 96]
    assert recipe.int8.epochs == 0


def test_overrides_are_read_as_yaml_and_as_numbers(path: Path) -> None:
    given = [
        "optimiser.learning_rate=1e-3",
        "data.phantoms=12",
        "pretrained=false",
        "augmentation.flip=no",
        "name=other",
    ]
    recipe = read_recipe(path, Recipe, given)
    assert recipe.optimiser.learning_rate == 1e-3 and recipe.optimiser.batch_size == 8
    assert (recipe.data.phantoms, recipe.pretrained, recipe.augmentation.flip) == (12, False, False)
    assert recipe.name == "other"


@pytest.mark.parametrize(
    ("override", "key", "hint"),
    [
        ("optimizer.batch_size=4", "optimizer", "did you mean 'optimiser'?"),
        ("optimiser.lerning_rate=0.1", "optimiser.lerning_rate", "did you mean 'learning_rate'?"),
        (
            "sampling.negative_per_positive=1",
            "sampling.negative_per_positive",
            "did you mean 'negatives_per_positive'?",
        ),
        ("distillation.temprature=2", "distillation.temprature", "did you mean 'temperature'?"),
        ("augmentation.colimation=1", "augmentation.colimation", "did you mean 'collimation'?"),
        ("imbalance.focal=2", "imbalance.focal", "did you mean 'focal_gamma'?"),
        ("stages=[{epochs: 1, size: 64, veiw: 0.5}]", "stages.0.veiw", "did you mean 'view'?"),
    ],
)
def test_an_unknown_key_suggests_the_nearest(path: Path, override: str, key: str, hint: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, Recipe, [override])
    assert str(caught.value) == f"{path}: unknown key '{key}'"
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("stages=[]", "stages"),
        ("stages=[{epochs: 0, size: 64}]", "stages.0.epochs"),
        ("stages=[{epochs: 1, size: 100}]", "stages.0.size"),
        ("stages=[{epochs: 1, size: 64, view: 1.5}]", "stages.0.view"),
        ("optimiser.learning_rate=0", "optimiser.learning_rate"),
        ("optimiser.learning_rate=.inf", "optimiser.learning_rate"),
        ("optimiser.learning_rate=fast", "optimiser.learning_rate"),
        ("optimiser.batch_size=1", "optimiser.batch_size"),
        ("optimiser.average_decay=1", "optimiser.average_decay"),
        ("int8.epochs=-1", "int8.epochs"),
        ("int8.noise=0", "int8.noise"),
        ("sampling.phantom_share=1", "sampling.phantom_share"),
        ("minimum_sensitivity=90", "minimum_sensitivity"),
        ("data.folds=1", "data.folds"),
        ("seed=-1", "seed"),
        ("precision=fp16", "precision"),
        ("imbalance.positive_weight=0", "imbalance.positive_weight"),
        ("imbalance.focal_gamma=-1", "imbalance.focal_gamma"),
        ("augmentation.markers=1.5", "augmentation.markers"),
        ("augmentation.resolution=1", "augmentation.resolution"),
        ("augmentation.bits=9", "augmentation.bits"),
        ("augmentation.mixup=-1", "augmentation.mixup"),
        ("distillation.temperature=0", "distillation.temperature"),
        ("distillation.map_weight=-1", "distillation.map_weight"),
        ("distillation={teachers: [a], weight: 0, map_weight: 0}", "distillation"),
    ],
)
def test_an_impossible_value_is_named_with_its_key(path: Path, override: str, key: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, Recipe, [override])
    assert str(caught.value).startswith(f"{path}: {key}: ")
    assert "got" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("name: [small", "not valid YAML"),
        ("- name", "a recipe is a mapping"),
        ("", "a recipe is a mapping"),
        ("name: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("name: \xe9", "cannot be read"),
    ],
)
def test_a_file_that_is_no_recipe(path: Path, text: str, cause: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, Recipe)
    assert str(caught.value).startswith(f"{path}: ") and cause in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_name_is_named(path: Path) -> None:
    path.write_text("architecture: tiny\nstages: [{epochs: 1, size: 64}]")
    with pytest.raises(RecipeError, match="name: Field required"):
        read_recipe(path, Recipe)


@pytest.mark.parametrize("override", ["seed", "=3", "name.first=x", "data.path=[a{b}c]"])
def test_an_override_that_is_none(path: Path, override: str) -> None:
    with pytest.raises(RecipeError, match="override"):
        read_recipe(path, Recipe, [override])
