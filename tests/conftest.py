"""What many tests need: the real radiographs, and a tiny model file whose outputs can be worked out by hand."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import tflite_model

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # the same for ONNX Runtime
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # tests that import OpenVINO themselves report nothing

# the same examples each time; pytest --hypothesis-profile=default draws others
hypothesis.settings.register_profile("fixed", derandomize=True)
hypothesis.settings.load_profile("fixed")

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(autouse=True, scope="module")
def _no_decoder_left() -> Iterator[None]:
    """The guarded process that decoded a module's files ends with it: the next may count what it started itself."""
    yield
    if guarded := sys.modules.get("edgefrac.imaging.guarded"):
        guarded._decoder.close()


@pytest.fixture(scope="session")
def fracatlas() -> Path:
    """The folder of real radiographs; the test is skipped where there is none."""
    folder = Path(os.environ.get("EDGEFRAC_FRACATLAS") or REPOSITORY.parent / "shared" / "data" / "FracAtlas")
    if not (folder / "dataset.csv").is_file():
        pytest.skip("no real radiographs here: set EDGEFRAC_FRACATLAS to a FracAtlas folder")
    return folder


@pytest.fixture(scope="session")
def tiny_tflite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small, real .tflite file with contract (see ``tests.tflite_model``)."""
    path = tmp_path_factory.mktemp("tiny") / "tiny.tflite"
    path.write_bytes(tflite_model.build(tflite_model.contract()))
    return path


@pytest.fixture(scope="session")
def tiny_onnx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a small, real .onnx file (see ``tests.onnx_model``)."""
    pytest.importorskip("onnxruntime")
    from tests import onnx_model

    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    path.write_bytes(onnx_model.build())
    return path


@pytest.fixture(scope="session")
def tiny_ort(tiny_onnx: Path) -> Path:
    """That file in ONNX Runtime's own format, in a folder of its own."""
    from edgefrac.targets.ort_convert import to_ort

    path = tiny_onnx.parent / "ort" / "tiny.ort"
    path.parent.mkdir()
    path.write_bytes(to_ort(tiny_onnx.read_bytes()))
    return path


@pytest.fixture(scope="session")
def tiny_openvino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a small, real .xml file with its .bin (see ``tests.openvino_model``)."""
    pytest.importorskip("openvino")
    from tests import openvino_model

    return openvino_model.build(tmp_path_factory.mktemp("tiny") / "tiny.xml")


@pytest.fixture(scope="session")
def reference_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled reference, exported once through the command line in every precision, gated on phantoms."""
    pytest.importorskip("litert_torch")
    from edgefrac.cli.main import main

    folder = tmp_path_factory.mktemp("export") / "bundle"
    # status 1: a file was stopped by the gate, and is not in the bundle
    assert main(["export", "--target", "tflite", "--keep-rejected", "--out", str(folder)]) in (0, 1)
    return folder


@pytest.fixture(scope="session")
def reference_float_model() -> bytes:
    """The bundled reference's float32 TFLite graph, converted once for all tests."""
    pytest.importorskip("litert_torch")
    from edgefrac.models.checkpoint import load_checkpoint
    from edgefrac.models.exportable import from_checkpoint
    from edgefrac.prediction import REFERENCE_CHECKPOINT
    from edgefrac.targets.tflite import convert_float

    return convert_float(from_checkpoint(*load_checkpoint(REFERENCE_CHECKPOINT)))
