"""Export from end to end on the bundled reference checkpoint: what leaves, what is stopped, and what it says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("litert_torch")

from torch import nn  # noqa: E402

from edgefrac.bundle import open_bundle  # noqa: E402
from edgefrac.errors import ConversionError, UsageError  # noqa: E402
from edgefrac.models.exportable import Exportable  # noqa: E402
from edgefrac.pipeline.export import ExportRequest, ExportResult, export_bundle  # noqa: E402
from edgefrac.pipeline.verify import verify_bundle  # noqa: E402
from edgefrac.prediction import load, predict_file  # noqa: E402
from edgefrac.progress import silent  # noqa: E402
from edgefrac.targets import tflite  # noqa: E402
from edgefrac.verification.certificate import Certificate  # noqa: E402

FEW = "phantoms: 120\nprecision: int8\n"


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch, reference_float_model: bytes) -> None:
    """Spare the seconds of converting the unchanged reference again."""
    monkeypatch.setattr(tflite, "convert_float", lambda exportable: reference_float_model)


def run(tmp_path: Path, recipe: str = FEW, **wanted: Any) -> tuple[ExportResult, str]:
    """Export with ``recipe``; the result, and the notes as one text."""
    (tmp_path / "recipe.yaml").write_text(recipe)
    notes: list[str] = []
    request = ExportRequest(out=tmp_path / "bundle", recipe=tmp_path / "recipe.yaml", **wanted)
    return export_bundle(request, note=notes.append, track=silent), "\n".join(notes)


def test_the_reference_is_exported_in_three_precisions_and_only_what_passed_leaves(reference_bundle: Path) -> None:
    certificate = Certificate.from_json((reference_bundle / "certificate.json").read_text())
    by_precision = {a.verdict.precision: a for a in certificate.artefacts}
    assert set(by_precision) == {"fp32", "fp16", "int8"}
    fp32 = by_precision["fp32"].verdict
    assert fp32.verdict == "passed" and fp32.max_abs_diff is not None and fp32.max_abs_diff <= 1e-5
    assert by_precision["int8"].bytes <= 0.3 * by_precision["fp32"].bytes
    for artefact in certificate.artefacts:
        passed = artefact.verdict.verdict == "passed"
        assert (reference_bundle / artefact.file).exists() == passed
        assert (reference_bundle.parent / f"{artefact.file}.rejected").exists() != passed
    assert certificate.data.name.startswith("phantom")


def test_a_bundle_holds_after_a_move_and_fails_after_one_changed_bit(reference_bundle: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(reference_bundle, tmp_path / "moved")
    assert verify_bundle(moved, note=print, track=silent).passed
    damaged = next(moved.glob("*-fp16.tflite"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    again = verify_bundle(moved, note=print, track=silent)
    assert not again.passed and damaged.name in again.checks[0].detail


def test_verify_runs_the_gate_again_on_data(reference_bundle: Path) -> None:
    result = verify_bundle(reference_bundle, "phantom:n=240,seed=0", note=print, track=silent)
    assert result.passed, result.to_dict()
    names = {c.name for c in result.checks}
    assert {"gate of reference-fp16.tflite", "figures of reference-fp16.tflite"} <= names


@pytest.mark.usefixtures("converted")
def test_exporting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    bundles = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        result, notes = run(tmp_path / name, "phantoms: 60\nprecision: fp16\n")
        assert result.bundle, notes
        bundles.append({p.name: p.read_bytes() for p in sorted(result.bundle.rglob("*")) if p.is_file()})
    assert bundles[0] == bundles[1]


def test_one_file_alone_predicts_as_in_its_bundle(reference_bundle: Path, tmp_path: Path) -> None:
    file = open_bundle(reference_bundle).default_artefact()
    vector = next(open_bundle(reference_bundle).golden())
    Image.fromarray(vector.raster).save(tmp_path / "image.png")
    alone = tmp_path / "empty" / "model.tflite"
    alone.parent.mkdir()
    alone.write_bytes(file.read_bytes())
    answers = [predict_file(load(where), tmp_path / "image.png") for where in (reference_bundle, alone)]
    for field in ("probability", "label", "positive", "threshold", "evidence_peak"):
        assert answers[0][field] == answers[1][field], field  # type: ignore[literal-required]
    assert answers[1]["probability"] == pytest.approx(vector.expected[file.name].probability[0], abs=1e-7)


@pytest.mark.usefixtures("converted")
def test_calibration_on_noise_is_stopped_and_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(24):
        folder = tmp_path / "noise" / ("fracture" if number % 2 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 256, (320, 320), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    result, notes = run(tmp_path, calibration=tmp_path / "noise")
    assert not result.passed and result.bundle is None
    assert "calibration on noise" in notes


class _TwiceNormalised(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.module((image - 0.449) / 0.226)


class _Swapped(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        probability, evidence = self.module(image)
        return 1 - probability, -evidence


@pytest.mark.parametrize(
    ("wrap", "named"), [(_TwiceNormalised, "applied twice"), (_Swapped, "labels swapped")], ids=["mean/std", "labels"]
)
def test_a_faulty_conversion_is_stopped_and_named(
    wrap: Callable[[nn.Module], nn.Module], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tflite.convert_float

    def faulty(exportable: Exportable) -> bytes:
        from dataclasses import replace

        return real(replace(exportable, module=wrap(exportable.module).eval()))

    monkeypatch.setattr(tflite, "convert_float", faulty)
    result, notes = run(tmp_path, "phantoms: 120\nprecision: fp32\n", keep_rejected=True)
    assert not result.passed and result.bundle is None
    assert named in notes, notes
    assert not (tmp_path / "bundle").exists()
    assert [p.name for p in tmp_path.glob("*.tflite*")] == ["reference-fp32.tflite.rejected"]


@pytest.mark.usefixtures("converted")
def test_calibration_images_that_the_gate_uses_are_refused(tmp_path: Path) -> None:
    from edgefrac.datasets.phantom import phantom_dataset, write_phantoms

    write_phantoms(phantom_dataset(8, 0), tmp_path / "phantoms")
    with pytest.raises(UsageError, match="calibration images are among those that the gate will use"):
        run(tmp_path, calibration=tmp_path / "phantoms", data="phantom:n=8,seed=0")


def test_a_foreign_network_without_ranges_exports_float_files_only(tmp_path: Path) -> None:
    recipe = "phantoms: 40\ninput_size: 64\n"
    result, notes = run(tmp_path, recipe, network="tests.pipeline.networks:pooled")
    assert result.passed, notes
    assert [row["precision"] for row in result.rows] == ["fp32", "fp16"] and "int8 is left out" in notes
    certificate = json.loads((tmp_path / "bundle" / "certificate.json").read_text())
    assert certificate["data"]["n"] == 40
    with pytest.raises(ConversionError, match="needs activation ranges"):
        run(tmp_path, recipe + "precision: int8\n", network="tests.pipeline.networks:pooled")


def test_an_unknown_target_is_an_error_that_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'coreml' is not available") as caught:
        run(tmp_path, targets=("tflite", "coreml"))
    assert "tflite, onnx, openvino" in caught.value.hint
