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
    assert list(dict.fromkeys(entry.name for entry in found)) == ["cpu", "gpu", "npu", "arm64", "android"]
    assert all(entry.reason for entry in [*found, *devices.targets()])


def test_each_backend_of_another_device_has_a_line_and_the_next_step(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # neither adb nor qemu
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("VK_DRIVER_FILES", str(tmp_path / "none.json"))
    found = devices.devices(tiny_tflite)
    phone = [entry for entry in found if entry.name == "android"]
    assert [entry.reason for entry in phone] == [
        "LiteRT on Android, CPU: adb is not on the path",
        "LiteRT on Android, GPU: adb is not on the path",
    ]
    assert all(entry.evidence_level == "unavailable" and "apt-get install adb" in entry.install for entry in phone)
    gpu = next(entry for entry in found if entry.reason.startswith("LiteRT GPU: "))
    assert gpu.evidence_level == "unavailable" and "chromium-common" in gpu.install
    assert list(tmp_path.iterdir()) == [], "doctor sets nothing up"


def test_a_device_that_works_has_its_level(tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgefrac.runtimes.backends.arm64 import LiteRTArm64

    monkeypatch.setattr(LiteRTArm64, "available", lambda _: "a processor")
    monkeypatch.setattr(LiteRTArm64, "evidence_level", "emulated")
    arm64 = next(entry for entry in devices.devices(tiny_tflite) if entry.reason.startswith("LiteRT arm64"))
    assert (arm64.evidence_level, arm64.reason) == ("emulated", "LiteRT arm64: a processor")


def test_a_device_without_a_backend_is_not_driven(tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "backends", lambda _: ())
    assert {entry.reason for entry in devices.devices(tiny_tflite)[1:]} == {"this version does not drive it"}


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
