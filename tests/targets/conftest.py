"""One checkpoint, converted once for all tests, and its files in every precision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefrac.contract import Contract, Precision
from edgefrac.digest import file_sha256
from edgefrac.models.checkpoint import load_checkpoint, save_checkpoint
from edgefrac.models.exportable import Exportable, Identity, from_checkpoint, identify
from edgefrac.models.folding import fold, halve
from edgefrac.models.network import FRACTURE
from edgefrac.progress import silent
from edgefrac.quantization.plan import Plan
from edgefrac.targets import tflite
from edgefrac.targets.registry import Target, find
from edgefrac.targets.tflite_quantize import calibrate
from tests.models.networks import REGION, info, phantoms, talkative

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


@dataclass(frozen=True)
class Exported:
    """A checkpoint and what was made of it."""

    checkpoint: Path
    exportable: Exportable
    identity: Identity
    float_model: bytes
    plan: Plan
    files: dict[str, Path]

    def contract(self, precision: Precision) -> Contract:
        return self.exportable.contract(precision, self.identity, "phantoms" if precision == "int8" else "")

    def write(self, precision: Precision) -> bytes:
        return tflite.write(self.float_model, self.contract(precision), self.plan)


def calibration_images() -> np.ndarray:
    """Network inputs uint8 [N, S, S] that the plan is made from."""
    return phantoms(24, seed=21)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The architecture 'tiny' in float32, float16 and int8, calibrated on phantoms that no test looks at."""
    folder = tmp_path_factory.mktemp("exported")
    checkpoint = folder / "talkative.safetensors"
    save_checkpoint(checkpoint, halve(fold(talkative())), info(), half=True)
    network, header = load_checkpoint(checkpoint)
    exportable = from_checkpoint(network, header)
    float_model = tflite.convert_float(exportable)
    plan = calibrate(float_model, calibration_images(), silent)
    identity = identify(header, file_sha256(checkpoint))
    made = Exported(checkpoint, exportable, identity, float_model, plan, {})
    for precision in PRECISIONS:
        path = folder / f"talkative-{precision}.tflite"
        path.write_bytes(made.write(precision))
        made.files[precision] = path
    return made


@dataclass(frozen=True)
class Floats:
    """A checkpoint as one target's float32 and float16 files."""

    target: Target
    checkpoint: Path
    exportable: Exportable
    identity: Identity
    graph: Any
    files: dict[str, Path]

    def contract(self, precision: Precision) -> Contract:
        return self.target.promise(self.exportable.contract(precision, self.identity))


def floats(name: str, folder: Path, checkpoint: Path) -> Floats:
    """Convert and write a checkpoint for a target."""
    target = find(name)
    network, header = load_checkpoint(checkpoint)
    exportable, identity = from_checkpoint(network, header), identify(header, file_sha256(checkpoint))
    made = Floats(target, checkpoint, exportable, identity, target.convert(exportable), {})
    for precision in ("fp32", "fp16"):
        path = folder / f"talkative-{precision}{target.suffix}"
        target.write(made.graph, made.contract(precision), None, path)
        made.files[precision] = path
    return made


@pytest.fixture(scope="session")
def several_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of 'tiny' with full float32 weights that answers two questions, four channels."""
    path = tmp_path_factory.mktemp("several") / "talkative.safetensors"
    tasks = (FRACTURE, REGION)
    save_checkpoint(path, fold(talkative(tasks)), info(tasks))
    return path


@pytest.fixture(scope="session")
def onnx_files(tmp_path_factory: pytest.TempPathFactory, several_tasks: Path) -> Floats:
    """That checkpoint in ONNX."""
    pytest.importorskip("onnxruntime")
    return floats("onnx", tmp_path_factory.mktemp("onnx"), several_tasks)


@pytest.fixture(scope="session")
def ort_files(tmp_path_factory: pytest.TempPathFactory, several_tasks: Path) -> Floats:
    """That checkpoint in ONNX Runtime's own format."""
    pytest.importorskip("onnxruntime")
    return floats("ort", tmp_path_factory.mktemp("ort"), several_tasks)


@pytest.fixture(scope="session")
def openvino_files(tmp_path_factory: pytest.TempPathFactory, several_tasks: Path) -> Floats:
    """That checkpoint in OpenVINO IR."""
    pytest.importorskip("openvino")
    return floats("openvino", tmp_path_factory.mktemp("openvino"), several_tasks)
