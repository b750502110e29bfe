"""Rows of other devices: figures or reasons, parity, and what ``--require`` asks; the device is a test's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefrac.benchmarking.measure import ModelFile
from edgefrac.cli.main import main
from edgefrac.pipeline import parity
from edgefrac.progress import silent
from tests.pipeline.other_device import OtherDevice, instead_of_all

QUICK = ["--seconds", "0.05", "--images", "8"]


def rows_of(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> list[dict[str, Any]]:
    assert main(["bench", *map(str, words), *QUICK, "--json"]) == status
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return found


def test_a_device_without_speed_has_parity_and_placement(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice())
    (row,) = rows_of(capsys, tiny_tflite, "--device", "npu")
    assert (row["runtime"], row["evidence_level"]) == ("NPU of a test", "emulated")
    assert row["median_ms"] is None and "no speed" in row["reason"]
    assert row["operators"] == {"CONV_2D": 3} and row["placement"] == "3 of 3 operators on the device"
    parity = row["parity"]
    assert parity["verdict"]["verdict"] == "passed" and parity["evidence_level"] == "emulated"
    assert parity["beside"] == str(tiny_tflite) and parity["max_abs_diff_cpu"] == 0
    assert (parity["figures"]["n"], parity["figures"]["positives"]) == (4, 2)  # of a float file few tell


def test_a_compilers_figures_are_predicted_beside_emulated_numbers(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice(milliseconds=1.5))
    (row,) = rows_of(capsys, tiny_tflite, "--device", "npu")
    assert (row["evidence_level"], row["median_ms"], row["median_ci"]) == ("predicted", 1.5, None)
    assert (row["cycles"], row["sram_kb"]) == (1000, 2.0)
    assert row["parity"]["evidence_level"] == "emulated"
    main(["bench", str(tiny_tflite), "--device", "npu", *QUICK])
    assert "NPU of a test (predicted)" in capsys.readouterr().out


def test_other_numbers_fail_the_gate(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice(shift=0.25))
    (row,) = rows_of(capsys, tiny_tflite, "--device", "npu")
    assert row["parity"]["verdict"]["verdict"] == "failed"
    assert row["parity"]["max_abs_diff_cpu"] == pytest.approx(0.25, abs=1e-6)


def test_a_device_that_does_not_answer_is_unavailable_with_the_reason(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice(absent="there is none"))
    (row,) = rows_of(capsys, tiny_tflite, "--device", "npu")
    assert (row["evidence_level"], row["reason"], row["parity"]) == ("unavailable", "there is none: plug it in", None)


@pytest.mark.parametrize(
    ("device", "status", "said"),
    [
        (OtherDevice(), 0, ""),
        (OtherDevice(elsewhere={"SOFTMAX": 2}), 1, "not all on npu: {file} in NPU of a test leaves out 2 SOFTMAX"),
        (OtherDevice(absent="there is none"), 1, "required, but not on npu: {file} (there is none: plug it in)"),
    ],
)
def test_one_operator_elsewhere_fails_what_is_required(
    device: OtherDevice,
    status: int,
    said: str,
    tiny_tflite: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    instead_of_all(monkeypatch, device)
    assert main(["bench", str(tiny_tflite), "--require", "npu", *QUICK]) == status
    assert said.format(file=tiny_tflite) in capsys.readouterr().err


def test_data_of_ones_own_are_asked_of_every_row(
    tiny_tflite: Path, tiny_onnx: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "phantom", str(tmp_path / "own"), "--count", "6", "--seed", "5"]) == 0
    capsys.readouterr()
    rows = rows_of(capsys, tiny_tflite, tiny_onnx, "--data", tmp_path / "own")
    assert [row["parity"]["figures"]["n"] for row in rows] == [6, 6, 6]
    assert {row["parity"]["beside"] for row in rows} == {str(tiny_tflite), str(tiny_onnx)}
    assert main(["bench", str(tiny_tflite), "--data", str(tmp_path / "own"), *QUICK]) == 0
    assert "beside float32 on 6 radiographs" in capsys.readouterr().out


def test_an_emulated_device_is_asked_about_as_many_as_it_has_time_for(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, images = OtherDevice(seconds=0.05), np.zeros((9, 32, 32), np.uint8)
    monkeypatch.setattr(parity, "_EMULATED_SECONDS", 0.11)
    file = ModelFile(tiny_tflite, "tiny")
    assert 4 <= len(parity._answers(device, file, "int8", images, silent).probability) <= 6
    assert len(parity._answers(device, file, "fp32", images, silent).probability) == 4
    monkeypatch.setattr(parity, "_EMULATED_SECONDS", 60)
    found = parity._answers(device, file, "int8", images, silent)
    assert len(found.probability) == 9 and found.evidence is not None and len(found.evidence) == 9


def test_a_report_is_written_whole_and_named_right(
    tiny_tflite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice())
    monkeypatch.setattr("sys.argv", ["edgefrac", "bench", str(tiny_tflite), "--report", "report.json"])
    report = tmp_path / "report.json"
    assert main(["bench", str(tiny_tflite), "--device", "cpu", "--device", "npu", "--report", str(report), *QUICK]) == 0
    found = json.loads(report.read_text())
    assert found["command"] == "edgefrac bench tiny.tflite --report report.json"
    assert [row["device"] for row in found["document"]["rows"]] == ["cpu", "cpu", "npu"]
    assert len(found["answers"]["given"]) == 8 and len(found["examples"]) == 6
    whole = found["document"]["end_to_end"]
    assert len(whole["stages"]) == 5 and whole["stages"][0]["name"] == "read and decode"
    assert whole["whole_ms"] > max(stage["median_ms"] for stage in whole["stages"])
    assert abs(sum(stage["share"] for stage in whole["stages"]) - 1) < 1e-9
    capsys.readouterr()
    assert main(["bench", str(tiny_tflite), "--against", str(report), *QUICK]) == 0
    assert "ms then" in capsys.readouterr().out
    assert main(["bench", str(tiny_tflite), "--report", str(tmp_path / "report.pdf"), *QUICK]) == 2
    assert ".html, .md or .json" in capsys.readouterr().err
