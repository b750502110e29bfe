"""``edgefrac doctor``: what works here, with its evidence level, and what to install."""

from __future__ import annotations

import json

import pytest

from edgefrac.cli.main import main


def test_the_document_names_parts_targets_and_devices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {extra["name"] for extra in report["extras"]} == {
        "archive",
        "audit",
        "dicom",
        "npu",
        "onnx",
        "openvino",
        "serve",
        "sign",
        "sweep",
        "tflite",
        "train",
    }
    devices = dict.fromkeys(device["name"] for device in report["devices"])
    assert list(devices) == ["cpu", "gpu", "npu", "arm64", "android"]
    assert report["targets"][0]["name"] == "tflite"
    levels = {entry["evidence_level"] for entry in report["targets"] + report["devices"]}
    assert levels <= {"measured", "emulated", "predicted", "unavailable"}


def test_what_is_missing_comes_with_its_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "edgefrac.runtimes.devices.metadata.requires", lambda _: ['no-such-distribution>=1; extra == "serve"']
    )
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "missing: no-such-distribution" in out
    assert "pip install 'edgefrac[serve]'" in out
