"""Export to several targets at once: one bundle, every file gated in its own runtime, none for what did not pass."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
for module in ("litert_torch", "onnxruntime", "openvino"):
    pytest.importorskip(module)

from edgefrac.bundle import open_bundle  # noqa: E402
from edgefrac.contract import Contract  # noqa: E402
from edgefrac.inspection import inspect_model  # noqa: E402
from edgefrac.pipeline.export import ExportRequest, ExportResult, export_bundle  # noqa: E402
from edgefrac.pipeline.verify import verify_bundle  # noqa: E402
from edgefrac.prediction import load  # noqa: E402
from edgefrac.progress import silent  # noqa: E402
from edgefrac.targets import onnx_graph  # noqa: E402
from edgefrac.targets.openvino import OpenVino  # noqa: E402
from edgefrac.verification.certificate import Certificate  # noqa: E402

FEW = "phantoms: 40\ninput_size: 64\n"


def run(folder: Path, recipe: str = FEW, **wanted: Any) -> tuple[ExportResult, str]:
    """Export a small foreign network; the result, and the notes as one text."""
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(recipe)
    notes: list[str] = []
    request = ExportRequest(
        out=folder / "bundle", recipe=folder / "recipe.yaml", network="tests.pipeline.networks:pooled", **wanted
    )
    return export_bundle(request, note=notes.append, track=silent), "\n".join(notes)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[ExportResult, str]:
    """Every target in float32 and float16."""
    return run(tmp_path_factory.mktemp("targets"), targets=("tflite", "onnx", "openvino", "onnx"))


def test_all_targets_leave_in_one_bundle(exported: tuple[ExportResult, str]) -> None:
    result, notes = exported
    assert result.passed and result.bundle, notes
    files = {f"pooled-{p}{suffix}" for p in ("fp32", "fp16") for suffix in (".tflite", ".onnx", ".xml", ".bin")}
    bundle = open_bundle(result.bundle)
    assert files <= {entry.path for entry in bundle.manifest.files}
    assert set(bundle.contracts()) == {name for name in files if not name.endswith(".bin")}
    assert {(row["target"], row["precision"]) for row in result.rows} == {
        (target, precision) for target in ("tflite", "onnx", "openvino") for precision in ("fp32", "fp16")
    }
    assert "int8 is left out: it needs radiographs of the training split" in notes


def test_the_certificate_names_each_files_runtime_and_placement(exported: tuple[ExportResult, str]) -> None:
    bundle = exported[0].bundle
    assert bundle
    certificate = Certificate.from_json((bundle / "certificate.json").read_text())
    assert {(a.target, a.runtime) for a in certificate.artefacts} == {
        ("tflite", "LiteRT, XNNPACK"),
        ("onnx", "ONNX Runtime, CPU"),
        ("openvino", "OpenVINO, CPU"),
    }
    placed = {a.file: a.placement for a in certificate.artefacts}
    assert "CPUExecutionProvider: " in placed["pooled-fp32.onnx"] and "Conv:float32 3" in placed["pooled-fp32.onnx"]
    assert "Convolution:float32 3" in placed["pooled-fp16.xml"]
    assert {"ai-edge-litert", "onnxruntime", "openvino"} <= set(certificate.environment.packages)
    both = [(bundle / f"pooled-fp32{suffix}").stat().st_size for suffix in (".xml", ".bin")]
    entry = certificate.artefact("pooled-fp32.xml")
    assert entry and entry.bytes == sum(both)
    assert {a.verdict.max_abs_diff < 1e-5 for a in certificate.artefacts if a.verdict.precision == "fp32"} == {True}  # type: ignore[operator]


def test_a_bundle_is_verified_in_every_runtime(exported: tuple[ExportResult, str], tmp_path: Path) -> None:
    import shutil

    assert exported[0].bundle
    moved = shutil.copytree(exported[0].bundle, tmp_path / "moved")
    found = verify_bundle(moved, note=print, track=silent)
    assert found.passed and sum(check.name.startswith("golden vectors of ") for check in found.checks) == 6
    weights = bytearray((moved / "pooled-fp16.bin").read_bytes())
    weights[-1] ^= 1
    (moved / "pooled-fp16.bin").write_bytes(weights)
    again = verify_bundle(moved, note=print, track=silent)
    assert not again.passed and "pooled-fp16.bin" in again.checks[0].detail


def test_inspect_shows_the_companions(exported: tuple[ExportResult, str]) -> None:
    assert exported[0].bundle
    report = inspect_model(exported[0].bundle / "pooled-fp32.xml")
    assert report["kind"] == "OpenVINO IR" and report["contract"]["precision"] == "fp32"
    (weights,) = report["companions"]
    assert Path(weights["file"]).name == "pooled-fp32.bin"
    assert inspect_model(exported[0].bundle / "pooled-fp32.onnx")["placement"]["operators"]["Conv"] == 3


def test_the_default_model_is_tflite_where_there_is_one(exported: tuple[ExportResult, str]) -> None:
    assert load(exported[0].bundle).path.suffix == ".tflite"


def test_onnx_is_the_default_where_there_is_no_tflite(tmp_path: Path) -> None:
    result, notes = run(tmp_path, targets=("openvino", "onnx"))
    assert result.passed and result.bundle, notes
    assert load(result.bundle).path.suffix == ".onnx"
    packages = json.loads((result.bundle / "certificate.json").read_text())["environment"]["packages"]
    assert "onnxruntime" in packages and "ai-edge-litert" not in packages


def test_each_target_walks_the_ladder_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX loses too much in float16 here, and goes on to float32; OpenVINO does not."""
    real = onnx_graph.half

    def coarse(model: Any) -> Any:
        halved = real(model)
        for tensor in halved.graph.initializer:
            if tensor.name.endswith(".half"):
                tensor.raw_data = bytes(byte if n % 2 else 0 for n, byte in enumerate(tensor.raw_data))
        return halved

    monkeypatch.setattr(onnx_graph, "half", coarse)
    result, notes = run(tmp_path, FEW + "precision: auto\n", targets=("onnx", "openvino"))
    assert result.passed and result.bundle, notes
    found = [(row["target"], row["precision"], row["verdict"]) for row in result.rows]
    assert found == [("onnx", "fp16", "failed"), ("openvino", "fp16", "passed"), ("onnx", "fp32", "passed")]
    assert {p.name for p in result.bundle.glob("pooled-*")} == {
        "pooled-fp32.onnx",
        "pooled-fp16.xml",
        "pooled-fp16.bin",
    }


def test_a_target_of_which_nothing_passes_is_status_1_and_kept_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = OpenVino.write

    def faulty(self: OpenVino, model: Any, contract: Contract, plan: None, path: Path) -> None:
        from openvino import opset13 as ops

        wrong = model.clone()
        probability = next(output for output in wrong.outputs if "probability" in output.get_names())
        result = probability.get_node()
        source = result.input_value(0)
        result.input(0).replace_source_output(ops.subtract(ops.constant(np.array(1, np.float32)), source).output(0))
        probability.set_names({"probability"})
        real(self, wrong, contract, plan, path)

    monkeypatch.setattr(OpenVino, "write", faulty)
    result, notes = run(tmp_path, FEW + "precision: auto\n", targets=("onnx", "openvino"), keep_rejected=True)
    assert result.bundle and not result.passed, "ONNX passes, OpenVINO does not"
    assert "labels swapped" in notes, notes
    assert {p.name for p in tmp_path.glob("*.rejected")} == {
        f"pooled-{precision}.{suffix}.rejected" for precision in ("fp32", "fp16") for suffix in ("xml", "bin")
    }
