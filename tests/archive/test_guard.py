"""Images that crash, hang or fill memory cost their row, whoever reads them; no command goes down with its decoder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgefrac.archive.predicting import predict_files
from edgefrac.workers.limits import Limits
from edgefrac.workers.pool import Pool
from tests.imaging.files import noise, png
from tests.processes import children

REPOSITORY = Path(__file__).parents[2]
CRASH, HANG, BOMB = 61, 62, 63
# what a decoder may do on a bad day, by the width of the image; found by every process of this folder on its path
_DECODER = f"""
import ctypes, time
import PIL.Image
real = PIL.Image.open

def harmful(*given, **named):
    image = real(*given, **named)
    if image.width == {CRASH}:
        ctypes.string_at(0)
    if image.width == {HANG}:
        time.sleep(1000)
    if image.width == {BOMB}:
        bytearray(3 << 30)
    return image

PIL.Image.open = harmful
"""


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of two classes with images that do harm."""
    folder = tmp_path / "decoder"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_DECODER)
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{REPOSITORY}")
    widths = {"a": 64, "b": CRASH, "c": 64, "d": BOMB, "e": 64}
    for group in ("fracture", "normal"):
        (tmp_path / "data" / group).mkdir(parents=True)
        for name, width in widths.items():
            # no two alike, whose answers would be one
            (tmp_path / "data" / group / f"{name}.png").write_bytes(png(noise(64 + len(group), width)))
    return tmp_path / "data"


def _edgefrac(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edgefrac", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_predict_and_evaluate_go_on_without_them(images: Path, tiny_tflite: Path) -> None:
    done = _edgefrac("predict", images, "--model", tiny_tflite, "--json")
    rows = json.loads(done.stdout)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert [Path(row["file"]).stem for row in rows] == [*"abcde"] * 2
    assert [Path(row["file"]).stem for row in rows if "error" in row] == ["b", "d"] * 2
    assert sum("its process was ended by SIGSEGV" in row.get("error", "") for row in rows) == 2
    assert done.stderr.count("error: ") == 4
    done = _edgefrac("evaluate", "--data", images, "--model", tiny_tflite, "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["n"], len(report["unreadable"])) == (2, 6, 4)
    assert sum("SIGSEGV" in problem for problem in report["unreadable"]) == 2


@pytest.mark.parametrize(("name", "cause"), [("b", "its process was ended by SIGSEGV"), ("d", "d.png: ")])
def test_explain_says_what_became_of_its_image(name: str, cause: str, images: Path, tiny_tflite: Path) -> None:
    image = images / "normal" / f"{name}.png"
    done = _edgefrac("explain", image, "--model", tiny_tflite, "--out", images / "x.png")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {image}: ") and cause in done.stderr
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == (
        ["error", "hint"] if name == "d" else ["error"]
    )
    assert not (images / "x.png").exists()


def test_an_image_that_hangs_is_given_up(images: Path, tiny_tflite: Path) -> None:
    hanging = images / "normal" / "b.png"
    hanging.write_bytes(png(noise(64, HANG)))
    before = set(children(os.getpid()))
    rows = predict_files(tiny_tflite, [images / "normal"], runner=Pool(1, Limits(seconds=2.0)))
    assert rows[1]["error"] == f"{hanging}: no answer within 2 seconds"
    assert ["error" in row for row in rows] == [False, True, False, True, False]
    assert set(children(os.getpid())) <= before
