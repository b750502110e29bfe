"""The arm64 backends: on qemu's processor, set up once in a folder of the tests', and by name on a real one."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import DeviceError
from edgefrac.runtimes import arm64
from edgefrac.runtimes.arm64 import Arm64
from edgefrac.runtimes.backends import arm64 as backends
from edgefrac.runtimes.backends.arm64 import LiteRTArm64, OnnxRuntimeArm64, OpenVinoArm64
from edgefrac.runtimes.bare import BarePython
from edgefrac.runtimes.cache_folder import cache_folder
from edgefrac.runtimes.computed_precision import probe_images
from edgefrac.runtimes.session import open_session


@pytest.fixture
def here(machine: Arm64, monkeypatch: pytest.MonkeyPatch) -> None:
    if backends._is_arm64():
        pytest.skip("a real arm64 machine needs no emulated one")
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine.root.parents[1]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tflite", "onnx"])
def test_answers_of_one_process_are_those_of_this_machine(
    kind: str, here: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = request.getfixturevalue(f"tiny_{kind}")
    backend = {"tflite": LiteRTArm64, "onnx": OnnxRuntimeArm64}[kind]()
    started: list[str] = []
    execute = BarePython._execute
    monkeypatch.setattr(BarePython, "_execute", lambda self, given: started.append("x") or execute(self, given))
    images = probe_images(32, 5)
    found = backend.answers(path, images)
    assert len(started) == 1, "one process for all images"
    session = open_session(path)
    for number, image in enumerate(images):
        expected = session.predict(image)
        np.testing.assert_allclose(found.probability[number], expected.probability, rtol=0, atol=1e-6)
        assert found.evidence is not None and expected.evidence is not None
        np.testing.assert_allclose(found.evidence[number], expected.evidence, rtol=0, atol=1e-6)
    assert backend.evidence_level == "emulated" and not backend.timed
    assert cache_folder().is_dir() and "cortex-a76 emulated by qemu, in " in backend.available()


@pytest.mark.slow
def test_placement_names_the_processor_and_the_library_there(here: None, tiny_tflite: Path) -> None:
    placed = LiteRTArm64().placement(tiny_tflite)
    assert placed.on_device["AVERAGE_POOL_2D:float32"] == 1 and not placed.elsewhere
    assert placed.note.startswith("cortex-a76 emulated by qemu; LiteRT ")
    assert "1 XNNPACK partitions" in placed.note and "aarch64" in placed.note


@pytest.mark.slow
def test_the_reference_int8_file_answers_bit_by_bit_as_on_x86(here: None, reference_bundle: Path) -> None:
    (path,) = reference_bundle.glob("*-int8.tflite*")
    session = open_session(path)
    images = probe_images(session.contract.input.size, 2)
    found = LiteRTArm64().answers(path, images)
    assert found.evidence is not None
    for number, image in enumerate(images):
        expected = session.predict(image)
        assert np.array_equal(found.evidence[number], expected.evidence)
        # the sigmoid is XNNPACK's own for each processor
        np.testing.assert_allclose(found.probability[number], expected.probability, rtol=0, atol=2e-7)


def test_without_the_machine_it_says_what_would_be_fetched_and_fetches_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(arm64.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert LiteRTArm64().available().endswith(f"will be fetched by apt and pip into {tmp_path}/edgefrac")
    assert list(tmp_path.iterdir()) == []


def test_without_qemu_it_is_unavailable(monkeypatch: pytest.MonkeyPatch, tiny_tflite: Path) -> None:
    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(arm64.shutil, "which", lambda _: None)
    assert LiteRTArm64().evidence_level == "unavailable"
    for ask in (LiteRTArm64().open, LiteRTArm64().placement):
        with pytest.raises(DeviceError, match="no arm64 emulator") as raised:
            ask(tiny_tflite)
        assert raised.value.hint == "apt-get install qemu-user-static"


def test_openvino_is_for_real_arm_processors(monkeypatch: pytest.MonkeyPatch, tiny_openvino: Path) -> None:
    monkeypatch.setattr(backends.platform, "machine", lambda: "x86_64")
    with pytest.raises(DeviceError, match="crashes"):
        OpenVinoArm64().answers(tiny_openvino, probe_images(32, 1))


@pytest.mark.parametrize("name", ["arm64", "aarch64"])
def test_a_real_arm64_machine_is_measured_in_its_own_runtimes(
    name: str, monkeypatch: pytest.MonkeyPatch, tiny_tflite: Path
) -> None:
    """Shown on whatever runs the test, by its name alone: no emulator is started, and the stopwatch may run it."""
    monkeypatch.setattr(backends.platform, "machine", lambda: name)
    monkeypatch.setattr(backends, "set_up", lambda *_: pytest.fail("set up"))
    backend = LiteRTArm64()
    assert backend.evidence_level == "measured" and backend.timed
    (image,) = probe_images(32, 1)
    expected = open_session(tiny_tflite).predict(image)
    assert np.array_equal(backend.open(tiny_tflite).predict(image).probability, expected.probability)
    assert np.array_equal(backend.answers(tiny_tflite, image[None]).probability[0], expected.probability)
    assert "XNNPACK" in backend.placement(tiny_tflite).note


def test_the_cache_folder_is_xdgs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edgefrac"
    for ignored in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        monkeypatch.setenv("HOME", os.fspath(tmp_path))
        assert cache_folder() == tmp_path / ".cache/edgefrac"
