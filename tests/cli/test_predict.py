"""``edgefrac predict``: cold start, one bad image among many, overlays, model files that cannot be used."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.cli.main import main
from edgefrac.models.checkpoint import save_checkpoint
from tests import processes, tflite_model
from tests.disk import full_disk
from tests.models.networks import FRACTURE, REGION, info, talkative

FIELDS = set("file probability label positive threshold evidence_peak model milliseconds".split())


@pytest.fixture
def radiograph(tmp_path: Path) -> Path:
    path = tmp_path / "wrist.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (90, 60), dtype=np.uint8)).save(path)
    return path


def test_a_cold_start_needs_neither_torch_nor_a_second(radiograph: Path, tiny_tflite: Path) -> None:
    command = ["predict", str(radiograph), "--model", str(tiny_tflite), "--json"]
    assert processes.cpu_seconds(*command) <= 1.0
    done = processes.run(*command)
    (row,) = json.loads(done.stdout)
    assert set(row) == FIELDS
    assert done.stderr == ""
    here = _loaded(f"from edgefrac.cli.main import main; main({command!r})")
    assert not {"numpy", "PIL", "ai_edge_litert", "edgefrac.contract"} & here, "it only waits"
    there = _loaded_by_the_work(radiograph, tiny_tflite)
    assert "edgefrac.runtimes.litert" in there
    assert not {"torch", "pydicom", "scipy", "pyarrow", "ray", "edgefrac.datasets"} & (here | there)


def _loaded_by_the_work(image: Path, model: Path) -> set[str]:
    """The modules that the guarded process of the command loads."""
    return _loaded(
        "from pathlib import Path; from edgefrac.archive.listing import list_files;"
        "from edgefrac.archive.predicting import Predicting; from edgefrac.runtimes.portable import PortableModel;"
        f"Predicting(PortableModel(Path({str(model)!r})), '').open()(list_files([Path({str(image)!r})])[0])"
    )


def _loaded(code: str) -> set[str]:
    code += "\nimport sys; print(*sys.modules, file=sys.stderr)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split())


@pytest.mark.parametrize("kind", ["onnx", "openvino", "ort"])
def test_files_of_other_formats_predict_alike_and_need_no_torch(
    kind: str, radiograph: Path, tiny_tflite: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source: Path = request.getfixturevalue(f"tiny_{kind}")
    for file in source.parent.glob(f"{source.stem}.*"):
        shutil.copy(file, tmp_path)
    answers = []
    for model in (tiny_tflite, tmp_path / source.name):
        command = ["predict", str(radiograph), "--model", str(model), "--json"]
        answers.append(json.loads(processes.run(*command).stdout)[0])
    assert not {"torch", "onnx", "ai_edge_litert"} & _loaded_by_the_work(radiograph, tmp_path / source.name)
    assert answers[1]["probability"] == pytest.approx(answers[0]["probability"], abs=1e-6)
    assert answers[1]["evidence_peak"] == answers[0]["evidence_peak"]


def test_one_unreadable_image_among_many(
    radiograph: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.png"
    text.write_text("not an image")
    images = [str(radiograph), str(text), str(tmp_path / "absent.png"), str(radiograph)]
    assert main(["predict", *images, "--model", str(tiny_tflite), "--json"]) == 2
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert [row["file"] for row in rows] == images
    assert ["error" in row for row in rows] == [False, True, True, False]
    assert f"error: {text}: " in printed.err and "absent.png: no such file" in printed.err


def test_the_text_says_what_and_where(radiograph: Path, tiny_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(radiograph), "--model", str(tiny_tflite)]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{radiograph}: ") and "fracture (p=0." in out and "look at x=" in out


def test_the_text_names_the_likeliest_class_of_further_tasks(
    radiograph: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "two.safetensors"
    save_checkpoint(path, talkative((FRACTURE, REGION)), info((FRACTURE, REGION)))
    assert main(["predict", str(radiograph), "--model", str(path), "--json"]) == 0
    regions = json.loads(capsys.readouterr().out)[0]["tasks"]["region"]
    best = max(regions, key=lambda name: regions[name])
    assert main(["predict", str(radiograph), "--model", str(path)]) == 0
    assert f"  region: {best} (p={regions[best]:.3f})" in capsys.readouterr().out


def test_overlays_land_in_their_folder(
    radiograph: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "overlays"
    command = ["predict", str(radiograph), "--model", str(tiny_tflite), "--overlay", str(folder), "--json"]
    assert main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["overlay"] == str(folder / "wrist.overlay.png")
    assert [path.name for path in folder.iterdir()] == ["wrist.overlay.png"]


def test_an_impossible_overlay_folder(
    radiograph: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocker = tmp_path / "blocker"
    blocker.write_text("in the way")
    assert main(["predict", str(radiograph), "--model", str(tiny_tflite), "--overlay", str(blocker / "x")]) == 2
    assert f"error: {blocker / 'x'}: cannot be written" in capsys.readouterr().err


def test_a_full_disk_leaves_no_half_overlay(
    radiograph: Path, tiny_tflite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "overlays"
    with full_disk():
        status = main(["predict", str(radiograph), "--model", str(tiny_tflite), "--overlay", str(folder)])
    assert status == 2
    assert "wrist.overlay.png: cannot be written (File too large)" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("cut.tflite", tflite_model.build(tflite_model.contract())[:1000], "cut short"),
        ("foreign.tflite", tflite_model.build(None), "contract"),
        ("picture.tflite", b"\x89PNG\r\n\x1a\n" + bytes(100), "neither a TFLite, ONNX, OpenVINO or ORT file"),
        ("weights.pt", b"\x80\x02}q\x00.", "pickle"),
    ],
)
def test_model_files_that_cannot_be_used(
    name: str,
    content: bytes,
    cause: str,
    radiograph: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert main(["predict", str(radiograph), "--model", str(path), "--json"]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {path}: ") and cause in printed.err.splitlines()[0]
    assert set(json.loads(printed.out)) == {"error", "hint"}


@pytest.mark.parametrize("window", ["40", "a,b", "40,400,1"])
def test_a_window_is_two_numbers(window: str, radiograph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(radiograph), "--window", window]) == 2
    assert "expected CENTRE,WIDTH" in capsys.readouterr().err
