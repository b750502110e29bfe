"""What doctor knows: read from the installation and tried on the machine, never assumed."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from edgefrac.runtimes import devices
from edgefrac.targets import registry


def _level(found: list[devices.Availability], name: str) -> devices.Availability:
    return next(entry for entry in found if entry.name == name)


def test_the_cpu_is_measured_by_running_the_model(tiny_tflite: Path) -> None:
    cpu = _level(devices.devices(tiny_tflite), "cpu")
    assert cpu.evidence_level == "measured"
    assert "ran tiny.tflite once in " in cpu.reason


def test_a_cpu_that_cannot_run_the_model_is_unavailable_with_the_reason(tmp_path: Path) -> None:
    cpu = _level(devices.devices(tmp_path / "absent.tflite"), "cpu")
    assert cpu.evidence_level == "unavailable"
    assert "absent.tflite: no such file" in cpu.reason


def test_every_device_and_target_is_named_and_has_a_reason(tiny_tflite: Path) -> None:
    found = devices.devices(tiny_tflite)
    assert [entry.name for entry in found] == ["cpu", "gpu", "npu", "arm64", "android"]
    assert all(entry.reason for entry in [*found, *devices.targets()])


def test_a_target_whose_modules_are_missing_names_them_and_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    there = registry.util.find_spec
    monkeypatch.setattr(registry.util, "find_spec", lambda name: None if name == "litert_torch" else there(name))
    tflite = _level(devices.targets(), "tflite")
    assert tflite.evidence_level == "unavailable"
    assert tflite.reason == "not installed: litert_torch"
    assert tflite.install == "pip install 'edgefrac[tflite]'"


def test_extras_are_those_of_the_package_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = [
        "numpy>=2",
        'numpy>=2; extra == "serve"',
        "no-such-distribution>=1; (python_version > '3') and extra == 'serve'",
        'pytest; extra == "test"',
    ]
    monkeypatch.setattr(devices.metadata, "requires", lambda _: requirements)
    (serve,) = devices.extras()
    assert serve.name == "serve"
    assert serve.installed == {"numpy": metadata.version("numpy")}
    assert serve.missing == ("no-such-distribution",)
    assert serve.install == "pip install 'edgefrac[serve]'"
    assert devices.extras_with("no_such_distribution") == ["serve"]


def test_without_package_metadata_there_are_no_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(devices.metadata, "requires", absent)
    assert devices.extras() == []
