"""Every bundled training recipe, as a toy: few phantoms, small inputs, one epoch of each kind of training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefrac.cli.main import main
from edgefrac.models.checkpoint import read_info
from edgefrac.recipes import bundled_recipes
from edgefrac.recipes.reading import read_recipe
from edgefrac.training.recipe import Recipe

RECIPES = {name: path for name, path in bundled_recipes("train").items() if "sweep" not in name}
TOY = ["stages=[{epochs: 1, size: 64}]", "data.split=''", "data.folds=3", "optimiser.batch_size=8"]


PHANTOMS = "phantom:n=48,seed=3"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A toy in the place of the teachers that a recipe names; it never saw the fold that is held out."""
    out = tmp_path_factory.mktemp("teacher")
    assert main(["train", "toy", *TOY, "--data", PHANTOMS, "--out", str(out), "--json"]) == 0
    return str(out / "toy" / "fold{fold}" / "checkpoint.safetensors")


@pytest.mark.parametrize("name", RECIPES)
def test_recipe(name: str, teacher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = read_recipe(RECIPES[name], Recipe)
    short = [f"data.phantoms={min(12, recipe.data.phantoms)}", f"int8.epochs={min(1, recipe.int8.epochs)}"]
    if recipe.distillation.teachers:
        short.append(f"distillation.teachers={[teacher] * len(recipe.distillation.teachers)}")
    if recipe.start_from:
        assert main(["train", "base", *TOY, "data.phantoms=12", "--data", PHANTOMS, "--out", str(tmp_path)]) == 0
        short.append(f"start_from={tmp_path}/base/fold{{fold}}/checkpoint.safetensors")
    data = f"{PHANTOMS},task=type" if "type" in recipe.tasks else PHANTOMS
    assert main(["train", name, *TOY, *short, "--data", data, "--out", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    info = read_info(Path(document["release"]))
    assert info.architecture.startswith(recipe.architecture) and info.ranges
    assert [task.name for task in info.tasks] == list(recipe.tasks)
    assert document["out_of_fold"]["n"] == info.metrics["n"] >= 12
