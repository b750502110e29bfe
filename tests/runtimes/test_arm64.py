"""The emulated arm64 processor: set up from this machine's package sources, and exact."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgefrac.errors import DeviceError
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.quantization.integers import IntegerNetwork
from edgefrac.runtimes import arm64
from edgefrac.runtimes.arm64 import PROCESSORS, Arm64, set_up
from edgefrac.targets.onnx_integers import integer_model
from edgefrac.targets.tflite_graph import finish
from edgefrac.targets.tflite_integers import integer_graph
from tests.models.networks import info, lively, phantoms
from tests.quantization.integer_networks import integer_network

SIZE = 64


def quiet(_: str) -> None:
    """A note to nobody."""


@pytest.fixture(scope="session")
def network() -> IntegerNetwork:
    return integer_network("micro", SIZE)


@pytest.fixture(scope="session")
def files(network: IntegerNetwork, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    header = info(architecture="micro", input_size=SIZE)
    exportable = from_checkpoint(lively("micro", phantoms(2, size=SIZE)), header)
    contract = exportable.contract("int8", identify(header, "0" * 64), "phantoms")
    (folder / "micro.tflite").write_bytes(finish(integer_graph(network, SIZE), contract))
    onnx.save(integer_model(network, SIZE), str(folder / "micro.onnx"))
    return sorted(folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_code_is_that_of_the_integers(
    processor: str, machine: Arm64, network: IntegerNetwork, files: list[Path]
) -> None:
    images = phantoms(2, seed=77, size=SIZE)
    expected = np.stack([network.evidence(image) for image in images])
    ort, litert = machine.python(processor).run(files, images)
    assert "aarch64" in ort.runtime
    assert "1 XNNPACK partitions" in litert.runtime
    for answers in (ort, litert):
        assert np.array_equal(answers.evidence, expected)


@pytest.mark.slow
def test_a_machine_that_is_there_is_taken_as_it_is(machine: Arm64, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm64, "_call", lambda *_, **__: pytest.fail("fetched again"))
    assert set_up(machine.root.parent, quiet) == machine


def test_without_an_emulator_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(arm64.shutil, "which", lambda _: None)
    with pytest.raises(DeviceError, match="no arm64 emulator") as raised:
        set_up(tmp_path, quiet)
    assert raised.value.hint == "apt-get install qemu-user-static"


def test_a_machine_that_cannot_be_fetched_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, status in (("qemu-aarch64-static", 0), ("apt-get", 100)):
        (tools / name).write_text(f"#!/bin/sh\necho 'E: no such source' >&2\nexit {status}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.defpath}")
    with pytest.raises(DeviceError, match=r"apt-get stopped with status 100 \(E: no such source\)"):
        set_up(tmp_path / "cache", quiet)
    assert list((tmp_path / "cache").iterdir()) == []


def test_each_processor_says_what_runtimes_choose_kernels_by() -> None:
    features = {name: set(processor.features.split()) for name, processor in PROCESSORS.items()}
    assert "asimddp" not in features["cortex-a72"]
    assert "asimddp" in features["cortex-a76"] and "i8mm" not in features["cortex-a76"]
    assert {"asimddp", "i8mm", "sve2"} <= features["cortex-a710"]
    assert "CPU part\t: 0xd0b\n" in PROCESSORS["cortex-a76"].cpuinfo
