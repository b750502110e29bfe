"""Sources other than folders of classes, through the commands that read them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.cli.main import main
from tests.datasets.conftest import write_image


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Bright images are fractured, of two types; the tiny model tells them from the dark ones."""
    rows = ["image,kind,pid"]
    for number, grey in enumerate((*range(40, 80, 10), *range(190, 230, 10))):
        name = f"g{grey}.png"
        Image.fromarray(np.full((40, 40), grey, np.uint8)).save(tmp_path / name)
        rows.append(f"{name},{'normal' if grey < 100 else ('spiral', 'torus')[number % 2]},{number}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path / "labels.csv"


def test_types_are_evaluated_as_fractures(table: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = f"{table}?file=image&label=kind&patient=pid"
    assert main(["evaluate", "--model", str(tiny_tflite), "--data", data, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["n"], report["positives"], report["auroc"]) == (8, 4, 1.0)


def test_types_alone_cannot_be_evaluated(table: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table.write_text("".join(row for row in table.read_text().splitlines(keepends=True) if "normal" not in row))
    data = f"{table}?file=image&label=kind"
    assert main(["evaluate", "--model", str(tiny_tflite), "--data", data]) == 2
    assert "none of its classes is without fracture (spiral, torus)" in capsys.readouterr().err


def test_a_table_can_be_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        write_image(tmp_path / f"{number}.png", number)
    rows = [f"{number}.png,{number % 2},{number // 3}" for number in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,patient", *rows]))
    command = ["data", "split", str(tmp_path / "labels.csv"), "--folds", "2", "--out", str(tmp_path / "split.json")]
    assert main(command) == 0, capsys.readouterr().err
    fold_of = json.loads((tmp_path / "split.json").read_text())["fold_of"]
    assert len(fold_of) == 12 and all(fold_of[f"{n}.png"] == fold_of[f"{n // 3 * 3}.png"] for n in range(12))
