"""The GPU backends: on the GPU that LiteRT finds here, mostly a software one; and what is refused, and crashes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from edgefrac.errors import DeviceError
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.models.network import FractureNet
from edgefrac.runtimes.backends import gpu as backends
from edgefrac.runtimes.backends.gpu import LiteRTGpu, OnnxCuda, OpenVinoGpu
from edgefrac.runtimes.computed_precision import probe_images
from edgefrac.runtimes.litert_gpu import Adapter, _adapter_in
from edgefrac.runtimes.ort import CPU, starts
from edgefrac.runtimes.session import open_session
from edgefrac.targets import tflite
from tests.models.networks import info

SIDE = 64


@pytest.fixture(scope="module")
def finer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small network with a refined map, in float32 and float16."""
    torch.manual_seed(3)
    header = info(architecture="micro", input_size=SIDE, refinement=2)
    network = FractureNet("micro", refinement=2).eval()
    with torch.no_grad():
        network.head.conv.weight *= 300  # else a new network says next to nothing
    exportable = from_checkpoint(network, header)
    graph = tflite.convert_float(exportable)
    files = {}
    for precision in ("fp32", "fp16"):
        path = tmp_path_factory.mktemp("finer") / f"finer-{precision}.tflite"
        path.write_bytes(tflite.write(graph, exportable.contract(precision, identify(header, "0" * 64))))
        files[precision] = path
    return files


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_float_files_run_whole_on_the_gpu(gpu: Adapter, precision: str, finer: dict[str, Path]) -> None:
    path, images = finer[precision], probe_images(SIDE, 3)
    found = LiteRTGpu().answers(path, images)
    session = open_session(path)
    assert found.evidence is not None
    for number, image in enumerate(images):
        expected = session.predict(image)
        assert np.abs(found.probability[number] - expected.probability).max() < 5e-3
        assert np.abs(found.evidence[number] - expected.evidence).max() < 0.01 * np.ptp(expected.evidence)
    placed = LiteRTGpu().placement(path)
    assert placed.on_device["DEPTH_TO_SPACE:float32"] == 1 and not placed.elsewhere
    assert str(gpu) in placed.note and "computed in float" in placed.note
    assert np.ptp(found.evidence) > 1, "a file that says nothing"


def test_a_session_on_the_gpu_is_fully_accelerated(gpu: Adapter, finer: dict[str, Path]) -> None:
    (image,) = probe_images(SIDE, 1)
    session = LiteRTGpu().open(finer["fp32"])
    assert session.fully_accelerated  # type: ignore[attr-defined]
    assert np.array_equal(session.predict(image).evidence, LiteRTGpu().answers(finer["fp32"], image[None]).evidence[0])  # type: ignore[index, arg-type]


@pytest.mark.parametrize(
    ("said", "name", "software"),
    [
        ("SwiftShader Device (Subzero), arch=swiftshader, vendor=google, ", "SwiftShader Device (Subzero)", True),
        ("llvmpipe (LLVM 15.0.6, 256 bits), arch=, vendor=mesa, ", "llvmpipe (LLVM 15.0.6, 256 bits)", True),
        ("NVIDIA H100, arch=hopper, vendor=nvidia, ", "NVIDIA H100", False),
    ],
)
def test_the_adapter_is_read_from_the_log(said: str, name: str, software: bool) -> None:
    kind = "CPU / Software" if software else "discrete GPU"
    log = f"I0000 environment.cc:532] Selected adapter: {said}backend=Vulkan, adapterType={kind}\nINFO: more\n"
    assert _adapter_in(log) == Adapter(name, "Vulkan", software)
    assert _adapter_in("INFO: another log\n").software, "speed is not claimed of what is not known"


def test_a_software_gpu_is_never_timed(gpu: Adapter) -> None:
    assert LiteRTGpu().available() == str(gpu)
    assert LiteRTGpu().evidence_level == ("emulated" if gpu.software else "measured")
    assert LiteRTGpu().timed is not gpu.software


def test_a_file_that_is_not_for_the_gpu_is_refused_with_the_operators(
    gpu: Adapter, finer: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgefrac.targets.tflite_graph._join_depth_to_space", lambda _: None)
    header = info(architecture="micro", input_size=SIDE, refinement=2)
    exportable = from_checkpoint(FractureNet("micro", refinement=2).eval(), header)
    path = tmp_path / "five-axes.tflite"
    contract = exportable.contract("fp32", identify(header, "0" * 64))
    path.write_bytes(tflite.write(tflite.convert_float(exportable), contract))
    for ask in (LiteRTGpu().open, LiteRTGpu().placement):
        with pytest.raises(DeviceError, match=r"leaves \d+ of \d+ operators to the CPU \(RESHAPE: .*; TRANSPOSE: "):
            ask(path)


def test_a_driver_that_crashes_takes_only_the_child(
    gpu: Adapter, finer: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here")
    source, library = tmp_path / "crash.c", tmp_path / "libcrash.so"
    source.write_text("#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }\n")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    manifest = {"file_format_version": "1.0.0", "ICD": {"library_path": str(library), "api_version": "1.0.5"}}
    (tmp_path / "crash.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("VK_DRIVER_FILES", str(tmp_path / "crash.json"))
    for ask in (LiteRTGpu().open, LiteRTGpu().placement):
        with pytest.raises(DeviceError, match=r"crashed \(SIGABRT\)"):
            ask(finer["fp32"])
    assert LiteRTGpu().evidence_level == "unavailable"


def test_without_a_driver_the_error_says_what_to_install(
    tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VK_DRIVER_FILES", str(tmp_path / "none.json"))
    with pytest.raises(DeviceError, match="finds no Vulkan") as raised:
        LiteRTGpu().open(tiny_tflite)
    assert "chromium-common" in raised.value.hint
    assert LiteRTGpu().evidence_level == "unavailable" and not LiteRTGpu().timed


def test_the_native_log_stays_off_the_screen(gpu: Adapter, finer: dict[str, Path]) -> None:
    program = f"""
from pathlib import Path
import numpy as np
from edgefrac.runtimes.backends.gpu import LiteRTGpu
session = LiteRTGpu().open(Path({str(finer["fp32"])!r}))
session.predict(np.zeros(({SIDE}, {SIDE}), np.uint8))
print("done")
"""
    ran = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "done\n"


class _OnnxCpu(OnnxCuda):
    """The same backend with the provider that is everywhere."""

    title = "ONNX Runtime's CPU as if it were a GPU"
    provider = CPU


def test_a_provider_of_onnx_runtime_is_profiled(tiny_onnx: Path) -> None:
    placed = _OnnxCpu().placement(tiny_onnx)
    assert sum(placed.on_device.values()) > 3 and not placed.elsewhere
    assert "equal to the CPU's answers" in placed.note
    image = probe_images(32, 1)
    expected = open_session(tiny_onnx).predict(image[0])
    assert np.array_equal(_OnnxCpu().answers(tiny_onnx, image).probability[0], expected.probability)


def test_operators_that_the_provider_leaves_are_elsewhere(tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = {"CUDAExecutionProvider": {"Conv": 5}, CPU: {"Sigmoid": 1}}
    monkeypatch.setattr(backends._OnnxProvider, "available", lambda _: "")
    monkeypatch.setattr(backends.OnnxCuda, "_precision", lambda *_: "")
    monkeypatch.setattr("edgefrac.runtimes.ort.kernels_by_provider", lambda *_: dict(ran))
    placed = OnnxCuda().placement(tiny_onnx)
    assert (placed.on_device, placed.elsewhere) == ({"Conv": 5}, {"Sigmoid (CPUExecutionProvider)": 1})
    del ran["CUDAExecutionProvider"]
    with pytest.raises(DeviceError, match="ran none of its operators on CUDAExecutionProvider"):
        OnnxCuda().placement(tiny_onnx)


def test_a_provider_that_is_not_installed_or_does_not_start_is_an_error(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("ONNX Runtime has CUDA here")
    with pytest.raises(DeviceError, match="the installed ONNX Runtime has no CUDAExecutionProvider") as raised:
        OnnxCuda().open(tiny_onnx)
    assert "onnxruntime-gpu" in raised.value.hint
    assert OnnxCuda().evidence_level == "unavailable" and not OnnxCuda().timed
    # as in a build with CUDA on a machine without: ONNX Runtime goes on with the CPU, and only lists that
    assert starts(CPU) and not starts("CUDAExecutionProvider")
    monkeypatch.setattr(backends._OnnxProvider, "available", lambda _: "")
    for ask in (OnnxCuda().open, OnnxCuda().placement):
        with pytest.raises(DeviceError, match="has CUDAExecutionProvider, but it does not start here"):
            ask(tiny_onnx)


class _OpenVinoCpu(OpenVinoGpu):
    """The same backend with the plugin that is everywhere."""

    title = "OpenVINO's CPU as if it were a GPU"
    plugin = "CPU"


def test_openvinos_plugin_says_its_precision(tiny_openvino: Path) -> None:
    placed = _OpenVinoCpu().placement(tiny_openvino)
    assert placed.on_device and not placed.elsewhere
    assert "floats in float32" in placed.note and "computed in float32" in placed.note
    assert _OpenVinoCpu().evidence_level == "measured"


def test_openvino_without_the_plugin_names_what_there_is(tiny_openvino: Path) -> None:
    if OpenVinoGpu().evidence_level != "unavailable":
        pytest.skip("OpenVINO has a GPU here")
    for ask in (OpenVinoGpu().open, OpenVinoGpu().placement):
        with pytest.raises(DeviceError, match="OpenVINO finds no GPU here, only CPU"):
            ask(tiny_openvino)
