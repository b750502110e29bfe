"""``edgefrac explain``: numbers that add up, a picture, several models on one sheet, honest words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.cli.main import main
from edgefrac.datasets.phantom import phantom_image
from edgefrac.explanation import explain
from edgefrac.prediction import load, predict_file


@pytest.fixture
def radiograph(tmp_path: Path) -> Path:
    path = tmp_path / "phantom.png"
    Image.fromarray(phantom_image(3, 0)[0]).save(path)
    return path


def test_its_numbers_are_those_of_the_prediction_and_add_up(radiograph: Path) -> None:
    session = load()
    row, predicted = explain(session, radiograph), predict_file(session, radiograph)
    for key in ("probability", "threshold", "positive", "label"):
        assert row[key] == predicted[key]  # type: ignore[literal-required]
    assert row["peak"] == predicted["evidence_peak"]
    assert 1 / (1 + np.exp(-row["log_odds"])) == pytest.approx(row["probability"], abs=1e-5)


def test_the_picture_frames_the_regions(radiograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(radiograph), "--out", str(tmp_path / "explained.png"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert Path(row["overlay"]) == tmp_path / "explained.png"
    assert main(["predict", str(radiograph), "--overlay", str(tmp_path / "plain"), "--json"]) == 0
    explained, plain = (
        np.asarray(Image.open(p)).astype(int) for p in (row["overlay"], tmp_path / "plain" / "phantom.overlay.png")
    )
    assert explained.shape == plain.shape
    assert (np.abs(explained - plain).max() > 0) == bool(row["regions"])


def test_models_are_compared_on_one_sheet(
    radiograph: Path, tiny_tflite: Path, tiny_onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "sheet.png"
    command = ["explain", str(radiograph), "--model", str(tiny_tflite), "--compare", str(tiny_onnx)]
    assert main([*command, "--out", str(sheet), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert [Path(row["model"]) for row in (first, second)] == [tiny_tflite, tiny_onnx]
    assert "correlation" not in first and second["correlation"] > 0.999
    assert main([*command[:4], "--out", str(tmp_path / "one.png")]) == 0
    with Image.open(sheet) as both, Image.open(tmp_path / "one.png") as one:
        assert both.width > 2 * one.width and both.height > one.height
    assert main(command) == 0
    assert "correlates 1.0000 with the first one's" in capsys.readouterr().out


def test_maps_of_different_sizes_are_not_compared(
    radiograph: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(radiograph), "--compare", str(tiny_tflite)]) == 2
    assert "its map has another size than that of" in capsys.readouterr().err


def test_what_is_no_image_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.png").write_text("not an image")
    assert main(["explain", str(tmp_path / "note.png"), "--out", str(tmp_path / "x.png")]) == 2
    assert "note.png" in capsys.readouterr().err and not (tmp_path / "x.png").exists()


def test_it_says_whether_anything_stands_out(tmp_path: Path) -> None:
    """Over unseen phantoms: regions exactly where the evidence is called localised, and all three words occur."""
    session, found = load(), {}
    for index in range(24):
        path = tmp_path / f"{index}.png"
        Image.fromarray(phantom_image(5, index, difficulty="easy")[0]).save(path)
        row = explain(session, path)
        assert bool(row["regions"]) == (row["finding"] == "localised")
        assert row["finding"] != "nothing" or not row["positive"]
        found[row["finding"]] = found.get(row["finding"], 0) + 1
    assert {"localised", "diffuse", "nothing"} >= set(found) and len(found) >= 2, found
