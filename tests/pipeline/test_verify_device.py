"""``edgefrac verify --device``: the golden vectors and the gate, asked of another device (a test's own)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgefrac.bundle import GoldenVector, expected, write_bundle
from edgefrac.cli.main import main
from edgefrac.imaging.preprocess import preprocess
from edgefrac.runtimes.session import open_session
from tests import tflite_model
from tests.pipeline.other_device import OtherDevice, instead_of_all


@pytest.fixture
def bundle(tiny_tflite: Path, tmp_path: Path) -> Path:
    """One file with one golden vector."""
    session = open_session(tiny_tflite)
    raster = np.random.default_rng(0).integers(0, 256, (40, 30)).astype(np.uint8)
    network_input = preprocess(raster, tflite_model.SIZE)
    answer = session.predict(network_input)
    wanted = expected(answer.probability, answer.evidence, probability_tolerance=1e-5, evidence_tolerance=1e-4)
    golden = [GoldenVector("one", raster, network_input, {tiny_tflite.name: wanted})]
    folder = tmp_path / "bundle"
    contracts = {tiny_tflite.name: session.contract}
    write_bundle(
        folder, name="tiny", artefacts=[tiny_tflite], contracts=contracts, certificate="{}", texts={}, golden=golden
    )
    return folder


def verdicts(capsys: pytest.CaptureFixture[str], *words: object, status: int) -> dict[str, str]:
    assert main(["verify", *map(str, words), "--device", "npu", "--json"]) == status
    found = json.loads(capsys.readouterr().out)
    return {check["name"].split(" of ")[0]: f"{check['verdict']}: {check['detail']}" for check in found["checks"]}


def test_the_same_numbers_pass(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice())
    found = verdicts(capsys, bundle, status=0)
    assert found["placement"].startswith("passed") and found["golden vectors"] == "passed: 1 reproduced, emulated"


def test_other_numbers_are_undecided_until_the_gate_decides(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice(shift=0.25))
    assert "undecided: one: probability differs by 0.25" in verdicts(capsys, bundle, status=1)["golden vectors"]
    assert main(["data", "phantom", str(tmp_path / "own"), "--count", "6", "--seed", "5"]) == 0
    capsys.readouterr()
    gate = verdicts(capsys, bundle, "--data", tmp_path / "own", "--images", 6, status=1)["gate"]
    assert gate.startswith("failed") and gate.endswith("(emulated)")


def test_an_operator_elsewhere_and_a_device_that_is_not_there(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice(elsewhere={"MEAN": 1}))
    assert verdicts(capsys, bundle, status=1)["placement"] == "failed: 3 of 4 operators on the device"
    instead_of_all(monkeypatch, OtherDevice(absent="there is none"))
    assert verdicts(capsys, bundle, status=1)["golden vectors"] == "undecided: there is none: plug it in"


def test_what_no_backend_takes_is_undecided(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead_of_all(monkeypatch, OtherDevice())
    assert "no backend of it takes a file" in verdicts(capsys, tiny_onnx, status=1)["npu"]
