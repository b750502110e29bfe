"""A sweep recipe says what may change between trials, and is refused before the first trial where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from edgefrac.errors import EdgeFracError, RecipeError
from edgefrac.pipeline.sweep_recipe import Sweep, read_sweep
from edgefrac.recipes import bundled_recipes

SWEEPS = ("sweep", "toy-sweep")


def read(folder: Path, **changes: Any) -> Sweep:
    document = {
        "name": "s",
        "base": "toy",
        "trials": 3,
        "search": {"evidence.weight": {"low": 0.5, "high": 4.0}},
        **changes,
    }
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump(document))
    return read_sweep(path)


@pytest.mark.parametrize("name", SWEEPS)
def test_the_bundled_sweeps_are_valid(name: str) -> None:
    assert read_sweep(bundled_recipes("train")[name]).recipe.name == name


def test_a_trial_has_its_own_changes_and_the_best_recipe_has_the_base_length(tmp_path: Path) -> None:
    trial = {"stages": [{"epochs": 1, "size": 64}, {"epochs": 1, "size": 96}], "int8.epochs": 2}
    sweep = read(tmp_path, trial=trial, search={"stages.size": {"choices": [32, 64]}})
    changed = sweep.trial({"stages.size": 32, "optimiser.learning_rate": 0.5})
    assert [(stage.epochs, stage.size) for stage in changed.stages] == [(1, 32), (1, 32)]
    assert changed.int8.epochs == 2 and changed.optimiser.learning_rate == 0.5
    assert changed.optimiser.batch_size == sweep.base.optimiser.batch_size
    best = sweep.best({"stages.size": 32})
    assert [(stage.epochs, stage.size) for stage in best.stages] == [(2, 32)] and best.int8.epochs == 0


def test_a_base_beside_the_sweep_comes_before_a_bundled_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nstages: [{epochs: 1, size: 32}]\n")
    sweep = read(tmp_path, base="mine.yaml")
    assert sweep.base.name == "mine" and sweep.base_folder == tmp_path


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"search": {"optimizer.learning_rat": {"low": 1, "high": 2}}}, "unknown key", "optimiser.learning_rate"),
        ({"search": {"stages.sise": {"choices": [32]}}}, "unknown key", "stages.size"),
        ({"search": {"stages": {"choices": [32]}}}, "unknown key 'stages'", "stages."),
        ({"trial": {"int8.epoch": 0}}, "trial: unknown key 'int8.epoch'", "int8.epochs"),
        ({"trials": 3, "serach": {}}, "unknown key 'serach'", "search"),
        ({"search": {"evidence.weight": {"low": 1.0, "hihg": 2.0}}}, "unknown key", "high"),
        ({"search": {"data.fold": {"choices": [0, 1]}}}, "'data.fold' cannot change within a sweep", "base recipe"),
        ({"trial": {"start_from": "x.safetensors"}}, "'start_from' cannot change", "base recipe"),
        ({"base": "referense"}, "referense: no such recipe file", "reference"),
    ],
)
def test_a_wrong_name_comes_with_the_right_one(changes: Any, message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        read(tmp_path, **changes)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("key", "parameter", "message"),
    [
        ("evidence.weight", {"low": 4.0, "high": 0.5}, "low .4.0. must be below high .0.5."),
        ("evidence.weight", {"low": 0.0, "high": 0.5, "log": True}, "must be above 0 where log is true"),
        ("evidence.weight", {"low": 0.5}, "give choices, or low and high"),
        ("evidence.weight", {"choices": []}, "give choices, or low and high"),
        ("evidence.weight", {"low": 0.5, "high": 1.5, "choices": [1]}, "either choices, or low and high"),
        ("evidence.weight", {"low": 0.5, "high": 1.5, "step": 1}, "step goes with whole low and high"),
        ("evidence.weight", {"low": -1.0, "high": 1.5}, "evidence.weight: -1.0: evidence.weight: .* greater than"),
        ("stages.size", {"choices": [64, 100]}, "stages.size: 100: stages.0.size: .* multiple of 32"),
        ("stages.size", {"low": 64, "high": 128}, "stages.size: 65"),
        ("optimiser.batch_size", {"low": 4.0, "high": 8.5}, "optimiser.batch_size: 8.5: .* integer"),
        ("architecture", {"choices": ["tiny", "efficientnet-lite9"]}, "unknown backbone 'efficientnet-lite9'"),
    ],
)
def test_impossible_values_are_refused(key: str, parameter: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(EdgeFracError, match=message):
        read(tmp_path, search={key: parameter})


def test_impossible_changes_of_a_trial_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"trial: stages\.0\.epochs: .* greater than or equal to 1"):
        read(tmp_path, trial={"stages.epochs": 0})


@pytest.mark.parametrize("objectives", [["latency_ms"], ["auroc", "auroc"], ["auroc", "speed"]])
def test_wrong_objectives(objectives: list[str], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="objectives"):
        read(tmp_path, objectives=objectives)


def test_a_base_that_starts_from_a_checkpoint_could_have_seen_the_reported_fold(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: m\nstart_from: x\nstages: [{epochs: 1, size: 32}]\n")
    with pytest.raises(RecipeError, match="may have seen the reported fold"):
        read(tmp_path, base="mine.yaml")
