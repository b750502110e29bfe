"""``edgefrac inspect``: what a file says about itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from edgefrac.cli.main import main
from tests import tflite_model


def test_a_tflite_file_shows_contract_operators_and_placement(
    tiny_tflite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tiny_tflite), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["kind"] == "TFLite"
    assert report["sha256"] == hashlib.sha256(tiny_tflite.read_bytes()).hexdigest()
    assert report["contract"] == json.loads(tflite_model.contract().to_json())
    assert report["placement"]["operators"]["AVERAGE_POOL_2D"] == 1
    assert report["placement"]["xnnpack_partitions"] >= 1


def test_the_text_names_the_threshold(tiny_tflite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tiny_tflite)]) == 0
    assert "threshold: 0.5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("cut.tflite", tflite_model.build(tflite_model.contract())[:900], "cut short"),
        ("cut.safetensors", (500).to_bytes(8, "little") + b'{"a', "cut.safetensors"),
        ("broken.zip", b"PK\x03\x04 and nothing more", "broken.zip"),
    ],
)
def test_damaged_files_are_named(
    name: str, content: bytes, cause: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert main(["inspect", str(path)]) == 2
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(f"error: {path}") and cause in first


def test_a_folder_that_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tmp_path)]) == 2
    assert "not a bundle" in capsys.readouterr().err
