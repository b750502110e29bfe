"""``edgefrac train`` from end to end on phantoms: a split beside the recipe, resuming, previews, two processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.cli.main import main
from edgefrac.datasets import make_folds, open_dataset
from edgefrac.models.checkpoint import read_info

RECIPE = """
name: small
architecture: tiny
pretrained: false
stages: [{epochs: 1, size: 64}, {epochs: 1, size: 32}]
sampling: {phantom_share: 0}
optimiser: {batch_size: 8}
data: {path: "phantom:n=48,seed=5", folds: 3}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipes" / "small.yaml"
    path.parent.mkdir()
    path.write_text(RECIPE)
    return path


def train(*arguments: object) -> int:
    return main(["train", *map(str, arguments)])


def test_a_split_beside_the_recipe_is_found_from_elsewhere(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folds(open_dataset("phantom:n=48,seed=5"), k=4, seed=9).save(recipe.parent / "own.json")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    given = (recipe, "data.split=own.json", "data.fold=3", "--out", "runs")
    assert train(*given) == 0
    assert "4 folds as stored in own.json" in capsys.readouterr().err
    assert read_info(Path("runs/small/fold3/release.safetensors")).recipe["data"]["split"] == "own.json"

    # the run is finished; what is there is not given out for another recipe's
    assert train(*given, "optimiser.learning_rate=0.5", "--resume") == 2
    shown = capsys.readouterr().err
    assert "holds a run with optimiser.learning_rate 0.0006, and the recipe says 0.5" in shown and "hint: " in shown
    assert read_info(Path("runs/small/fold3/release.safetensors")).recipe["optimiser"]["learning_rate"] == 6e-4


def test_a_teacher_that_has_seen_the_fold_is_refused_before_training(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("edgefrac.pipeline.study.release", lambda *_, **__: None)
    assert train(recipe, "data.fold=1", "--out", tmp_path) == 0
    teacher = tmp_path / "small" / "fold{fold}" / "checkpoint.safetensors"
    student = (recipe, "name=student", f"distillation.teachers=['{teacher}']", "--out", tmp_path)
    assert train(*student, "data.fold=1") == 0
    (tmp_path / "small" / "fold0").symlink_to(tmp_path / "small" / "fold1")
    capsys.readouterr()
    assert train(*student, "data.fold=0") == 2
    shown = capsys.readouterr().err
    assert "fold0/checkpoint.safetensors: was trained on 16 of 16 radiographs that fold 0 holds out" in shown
    assert not (tmp_path / "student" / "fold0").exists()


def test_a_preview_is_drawn_and_nothing_is_trained(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = (recipe, "--preview", "sheet.png", "--json")
    assert train(*arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["preview"] == "sheet.png" and len(document["radiographs"]) == 8
    assert sorted(p.name for p in tmp_path.iterdir()) == ["recipes", "sheet.png"]
    sheet = np.asarray(Image.open("sheet.png")).astype(int)
    coloured = (sheet.max(2) - sheet.min(2)) > 100
    tiles = coloured[: 8 * 180].reshape(8, 180, 7, 180).sum((1, 3))
    assert (tiles[:6, 0] > 20).all(), "no fracture is outlined on the packed images"
    # at 32 px a small fracture may fill less than half a cell of its mask
    assert (tiles[:6, 1:] > 20).mean() > 0.7 and not tiles[6:].any()
    greys = np.where(coloured, 0, sheet[..., 0])[: 8 * 180].reshape(8, 180, 7, 180)
    assert all((greys[row, :, 0] != greys[row, :, draw]).mean() > 0.1 for row in range(8) for draw in range(1, 7))
    assert train(*arguments, "augmentation.mixup=1") == 0
    assert (np.asarray(Image.open("sheet.png")) != sheet).any()


def test_a_preview_that_cannot_be_written(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(recipe, "--preview", recipe / "sheet.png") == 2
    assert "internal error" not in capsys.readouterr().err


def test_two_processes_train_one_network(recipe: Path, tmp_path: Path) -> None:
    """gloo on the CPU; after training the first alone measures, prepares for int8 and writes, also fold after fold."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "edgefrac"]
    given = ["train", str(recipe), "data.folds=2", "int8.epochs=1", "--all-folds", "--json", "--out", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *given], capture_output=True, text=True, env=environment, timeout=900)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)  # of one process only
    assert document["out_of_fold"]["n"] == sum(fold["n"] for fold in document["folds"]) > 40
    assert all(Path(path).exists() for path in (*document["checkpoints"], document["release"]))
    assert not list(tmp_path.rglob("*.part"))
    assert done.stderr.count("training fold 1 of 2") == 1
