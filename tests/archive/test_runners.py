"""The same rows and figures, bit for bit, whoever does the work."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.archive.predicting import predict_files
from edgefrac.cli.main import main
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.evaluation import collect, evaluate
from edgefrac.prediction import load
from edgefrac.runtimes.portable import PortableModel
from edgefrac.workers.pool import Pool
from edgefrac.workers.ray_data import RayData
from edgefrac.workers.runner import Here
from tests.archive.conftest import table, timeless

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Images of two classes, of which one cannot be read."""
    rng = np.random.default_rng(3)
    for number in range(24):
        path = tmp_path / "data" / ("fracture" if number % 2 else "normal") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(20 * (number % 2), 256, (40, 60), np.uint8)).save(path)
    (tmp_path / "data" / "normal" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path / "data"


def test_a_pool_gives_the_rows_of_one_process(archive: Path, tiny_tflite: Path) -> None:
    rows = predict_files(tiny_tflite, [archive], runner=Here())
    assert [Path(row["file"]).name for row in rows][:2] == ["01.png", "03.png"]
    for runner in (None, Pool(2)):
        assert timeless(predict_files(tiny_tflite, [archive], runner=runner)) == timeless(rows)


def test_a_cluster_gives_the_rows_of_one_process(
    archive: Path, tiny_tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="the extra 'archive' is not installed")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    for out, how in (("a", ["--processes", "1"]), ("b", ["--ray", "local", "--processes", "2"])):
        assert main(["predict", "archive", "--model", str(tiny_tflite), "--out", out, *how]) == 2
    assert timeless(table(Path("a"))) == timeless(table(Path("b")))


def test_a_pool_gives_the_figures_of_one_process(
    labelled: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--model", str(tiny_tflite), "--data", str(labelled), "--json"]
    assert main(command) == 2
    alone = capsys.readouterr().out
    assert main([*command, "--processes", "2"]) == 2
    assert capsys.readouterr().out == alone
    assert json.loads(alone)["n"] == 24 and len(json.loads(alone)["unreadable"]) == 1


def test_a_cluster_gives_the_figures_of_one_process(
    labelled: Path, tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="the extra 'archive' is not installed")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY), prepend=os.pathsep)
    monkeypatch.chdir(labelled.parent)
    session, dataset = load(tiny_tflite), fracture_task(open_dataset(labelled.name))
    assert evaluate(session, dataset, runner=RayData("local", 2)) == evaluate(session, dataset)


def test_a_pool_collects_the_same_maps_in_the_same_order(labelled: Path, tiny_tflite: Path, tmp_path: Path) -> None:
    copy = shutil.copy(tiny_tflite, tmp_path / "copy.tflite")
    sessions, samples = [load(tiny_tflite), load(copy)], open_dataset(labelled).samples
    alone, together = collect(sessions, samples), collect(sessions, samples, runner=Pool(2))
    assert together.cases == alone.cases and together.unreadable == alone.unreadable
    for one, other in zip(alone.answers, together.answers, strict=True):
        np.testing.assert_array_equal(one.probability, other.probability)
        np.testing.assert_array_equal(one.evidence, other.evidence)


@pytest.mark.parametrize("kind", ["tflite", "onnx", "openvino", "ort"])
def test_a_packed_model_answers_when_its_files_are_gone(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source: Path = request.getfixturevalue(f"tiny_{kind}")
    for file in source.parent.glob(f"{source.stem}.*"):
        shutil.copy(file, tmp_path)
    image = np.random.default_rng(1).integers(0, 256, (32, 32), np.uint8)
    wanted = load(tmp_path / source.name).predict(image)
    packed = PortableModel(tmp_path / source.name).packed()
    for file in tmp_path.iterdir():
        file.unlink()
    answer = packed.open().predict(image)
    np.testing.assert_array_equal(answer.probability, wanted.probability)
    np.testing.assert_array_equal(answer.evidence, wanted.evidence)
