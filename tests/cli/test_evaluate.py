"""``edgefrac evaluate``: the fields of the design, on folders that people bring."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.cli.main import main

FIELDS = set(
    "n positives auroc auroc_ci sensitivity sensitivity_ci specificity specificity_ci ece threshold slices"
    " unreadable left_out_seen_in_training data_sha256 model_sha256".split()
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Bright images are fractured, dark ones not: the tiny model tells them apart."""
    for name, greys in (("fracture", range(190, 230, 10)), ("normal", range(40, 80, 10))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for grey in greys:
            Image.fromarray(np.full((40, 40), grey, np.uint8)).save(tmp_path / "data" / name / f"g{grey}.png")
    return tmp_path / "data"


def test_the_document_has_the_fields_of_the_design(
    folder: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--model", str(tiny_tflite), "--data", str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == FIELDS
    assert (report["n"], report["positives"], report["auroc"]) == (8, 4, 1.0)
    assert (report["sensitivity"], report["specificity"]) == (1.0, 1.0)


def test_the_text_has_figures_with_intervals(
    folder: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--model", str(tiny_tflite), "--data", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "8 radiographs, 4 fractured" in out
    assert "auroc        1.000 [0." in out


def test_a_single_fracture_gives_no_interval(
    folder: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for image in sorted((folder / "fracture").iterdir())[1:]:
        image.unlink()
    assert main(["evaluate", "--model", str(tiny_tflite), "--data", str(folder)]) == 0
    assert "auroc        1.000 (too few for an interval)" in capsys.readouterr().out


def test_an_unreadable_radiograph_is_status_2_and_the_rest_counts(
    folder: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "normal" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert main(["evaluate", "--model", str(tiny_tflite), "--data", str(folder), "--json"]) == 2
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["n"] == 8
    assert len(report["unreadable"]) == 1 and "broken.png" in report["unreadable"][0]
    assert "broken.png" in printed.err


@pytest.mark.parametrize("content", ["nothing", "one class"])
def test_data_that_cannot_be_evaluated(
    content: str, tmp_path: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bad"
    (folder / "fracture").mkdir(parents=True)
    if content == "one class":
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "fracture" / "a.png")
    assert main(["evaluate", "--model", str(tiny_tflite), "--data", str(folder)]) == 2
    assert f"error: {folder}: no images" in capsys.readouterr().err


def test_real_radiographs(fracatlas: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    """The first 60 of the real ones, in the published layout, so that boxes and facets are there."""
    from edgefrac.datasets import Dataset, open_dataset
    from edgefrac.evaluation import evaluate
    from edgefrac.prediction import load

    dataset = open_dataset(fracatlas)
    fractured = [sample for sample in dataset.samples if sample.label][:30]
    intact = [sample for sample in dataset.samples if not sample.label][:30]
    report = evaluate(load(tiny_tflite), Dataset("part", (*fractured, *intact)))
    assert (report["n"], report["positives"], report["pointing_game"]["n"]) == (60, 30, 30)
    assert any(name.startswith("region=") for name in report["slices"])
    game = report["pointing_game"]
    assert 0 <= game["inside"] <= game["near"] <= 1


def test_one_fold_of_a_stored_split(folder: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgefrac.datasets import Folds, open_dataset

    samples = open_dataset(folder).samples
    folds = Folds(
        dataset="data",
        k=2,
        seed=0,
        fold_of={s.id: i % 2 for i, s in enumerate(samples)},
        sha256={s.id: s.read().sha256 for s in samples},
    )
    split = folder.parent / "split.json"
    folds.save(split)
    command = ["evaluate", "--model", str(tiny_tflite), "--data", str(folder), "--split", str(split), "--fold", "1"]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 4
    changed = folder.parent / "data" / next(s.id for i, s in enumerate(samples) if i % 2 == 1)
    Image.fromarray(np.full((40, 41), 77, np.uint8)).save(changed)
    assert main(command) == 2
    assert f"1 radiographs changed since the split was made (such as {changed.parent.name}" in capsys.readouterr().err
