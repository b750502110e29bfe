"""--strict: an int8 file in which an operator computes in float does not leave, and the reason names the operator."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
for module in ("litert_torch", "onnxruntime", "openvino"):
    pytest.importorskip(module)

from edgefrac.cli.main import main  # noqa: E402
from edgefrac.datasets.phantom import phantom_dataset, write_phantoms  # noqa: E402
from edgefrac.inspection import inspect_model  # noqa: E402
from edgefrac.pipeline.export import ExportRequest, ExportResult, export_bundle  # noqa: E402
from edgefrac.progress import silent  # noqa: E402
from edgefrac.verification.certificate import Certificate  # noqa: E402
from edgefrac.verification.strict import CAUSE  # noqa: E402

ALL = ("tflite", "onnx", "openvino")
LOOSE = """phantoms: 24
input_size: 64
golden_vectors: 1
limits: {min_positives: 2, min_negatives: 2, min_groups: 2, evidence_correlation: -1, flips: 1, ece_rise: 1,
  auroc_loss: 1, sensitivity_loss: 1, specificity_loss: 1}
"""


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms to calibrate on, none of them in the gate."""
    folder = tmp_path_factory.mktemp("calibration") / "phantoms"
    write_phantoms(phantom_dataset(8, 77), folder)
    return folder


def run(folder: Path, **wanted: object) -> tuple[ExportResult, str]:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(LOOSE)
    notes: list[str] = []
    request = ExportRequest(out=folder / "bundle", recipe=folder / "recipe.yaml", **wanted)  # type: ignore[arg-type]
    return export_bundle(request, note=notes.append, track=silent), "\n".join(notes)


def certificate_of(result: ExportResult) -> Certificate:
    assert result.bundle
    return Certificate.from_json((result.bundle / "certificate.json").read_text())


def test_a_stray_is_named_and_with_strict_fails_its_file(tmp_path: Path, radiographs: Path) -> None:
    wanted = {"network": "tests.pipeline.networks:hard_swish", "calibration": radiographs}
    lenient, notes = run(tmp_path / "lenient", **wanted)
    assert lenient.passed, notes
    assert "computed in float, not in integers: HARD_SWISH" in notes
    named = {a.file: a.stray_floats for a in certificate_of(lenient).artefacts}
    (stray,) = named["hard_swish-int8.tflite"]
    assert stray.startswith("HARD_SWISH ") and not named["hard_swish-fp32.tflite"]
    assert lenient.bundle
    assert inspect_model(lenient.bundle / "hard_swish-int8.tflite")["placement"]["stray_floats"] == [stray]
    assert f"though the file is int8: {stray}." in (lenient.bundle / "certificate.html").read_text()

    strict, notes = run(tmp_path / "strict", strict=True, **wanted)
    assert not strict.passed and strict.bundle
    assert {row["precision"]: row["verdict"] for row in strict.rows}["int8"] == "failed"
    files = {file.name for file in strict.bundle.glob("*.tflite")}
    assert files == {"hard_swish-fp32.tflite", "hard_swish-fp16.tflite"}
    entry = certificate_of(strict).artefact("hard_swish-int8.tflite")
    assert entry and entry.verdict.reasons == [f"computed in float: {stray}"]
    assert entry.diagnosis and entry.diagnosis.cause == CAUSE and stray in entry.diagnosis.explanation


def test_strict_is_status_1_on_the_command_line(
    tmp_path: Path, radiographs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "recipe.yaml").write_text(LOOSE)
    words = "export --precision int8 --model tests.pipeline.networks:hard_swish --strict --json".split()
    paths = {"--recipe": tmp_path / "recipe.yaml", "--calibration": radiographs, "--out": tmp_path / "bundle"}
    assert main([*words, *(str(word) for pair in paths.items() for word in pair)]) == 1
    (row,) = json.loads(capsys.readouterr().out)["artefacts"]
    assert row["verdict"] == "failed" and row["reasons"] == [f"computed in float: {row['stray_floats'][0]}"]


@pytest.mark.parametrize("network", ["tests.pipeline.networks:coloured", None])
def test_an_exact_plan_and_the_reference_are_strictly_integer(
    network: str | None, tmp_path: Path, radiographs: Path
) -> None:
    calibration = radiographs if network else None
    result, notes = run(tmp_path, network=network, calibration=calibration, targets=ALL, precision="int8", strict=True)
    assert result.passed, notes
    artefacts = certificate_of(result).artefacts
    assert {a.target for a in artefacts} == set(ALL)
    for artefact in artefacts:
        asked = {c.name: c.outcome for c in artefact.verdict.criteria}
        assert asked["stray_floats"] == "passed" and artefact.stray_floats == ()
