"""``--target ethos-u``: in one bundle with the ordinary int8 file, and refused where there is no plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("litert_torch")

from edgefrac.bundle import open_bundle
from edgefrac.cli.main import main
from edgefrac.datasets.phantom import phantom_dataset, write_phantoms
from edgefrac.errors import BundleError, ConversionError, UsageError
from edgefrac.pipeline.app_assets import write_app_assets
from edgefrac.pipeline.export import ExportRequest, ExportResult, export_bundle
from edgefrac.pipeline.verify import verify_bundle
from edgefrac.prediction import load, predict_file
from edgefrac.progress import silent
from edgefrac.verification.certificate import Certificate

RECIPE = "phantoms: 120\ninput_size: 64\nprecision: int8\nlimits: {min_positives: 40, min_negatives: 40}\n"
ORDINARY, CODES = "pooled-int8.tflite", "pooled-int8-ethos-u.tflite"


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms to calibrate on, none of them in the gate."""
    folder = tmp_path_factory.mktemp("calibration")
    write_phantoms(phantom_dataset(16, 77), folder / "phantoms")
    return folder / "phantoms"


def run(folder: Path, *, network: str = "pooled", **wanted: Any) -> tuple[ExportResult, str]:
    """Export a small foreign network; the result, and the notes as one text."""
    (folder / "recipe.yaml").write_text(RECIPE)
    notes: list[str] = []
    given: dict[str, Any] = {"targets": ("tflite", "ethos-u"), **wanted}
    request = ExportRequest(
        out=folder / "bundle", recipe=folder / "recipe.yaml", network=f"tests.pipeline.networks:{network}", **given
    )
    return export_bundle(request, note=notes.append, track=silent), "\n".join(notes)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, radiographs: Path) -> Path:
    result, notes = run(tmp_path_factory.mktemp("ethos-u"), calibration=radiographs)
    assert result.passed and result.bundle, notes
    assert {row["target"] for row in result.rows} == {"tflite", "ethos-u"}
    return result.bundle


def test_both_files_leave_with_the_same_codes_and_figures(bundle: Path) -> None:
    assert set(open_bundle(bundle).contracts()) == {ORDINARY, CODES}
    certificate = Certificate.from_json((bundle / "certificate.json").read_text())
    ordinary, codes = certificate.artefact(ORDINARY), certificate.artefact(CODES)
    assert ordinary and codes and codes.verdict.verdict == "passed"
    assert all(row.identical == 1 for row in (*ordinary.agreement, *codes.agreement))
    assert {row.with_file for row in codes.agreement} == {"integer reference", ORDINARY}
    assert ordinary.figures.auroc == codes.figures.auroc
    assert codes.stray_floats == () and codes.plan_sha256 == ordinary.plan_sha256


def test_the_bundle_is_verified_and_each_file_by_itself(bundle: Path) -> None:
    found = verify_bundle(bundle, note=print, track=silent)
    assert found.passed and any(check.name == f"golden vectors of {CODES}" for check in found.checks)
    assert verify_bundle(bundle / CODES, note=print, track=silent).passed


def test_people_and_apps_get_the_ordinary_file(bundle: Path, radiographs: Path, tmp_path: Path) -> None:
    assert load(bundle).path.name == ORDINARY
    assert write_app_assets(open_bundle(bundle), tmp_path).model == ORDINARY
    image = next(path for path in sorted(radiographs.rglob("*.png")))
    ours, theirs = (predict_file(load(bundle / name), image) for name in (CODES, ORDINARY))
    assert ours["probability"] == pytest.approx(theirs["probability"], abs=3e-7)
    assert ours["evidence_peak"] == theirs["evidence_peak"]


def test_alone_it_is_no_file_for_an_app(tmp_path: Path, radiographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    given = ["--target", "ethos-u", "--recipe", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "bundle")]
    model = ["--model", "tests.pipeline.networks:pooled", "--calibration", str(radiographs), "--precision", "auto"]
    assert main(["export", *given, *model, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["artefacts"]
    assert (row["target"], row["precision"], row["verdict"]) == ("ethos-u", "int8", "passed")
    assert load(tmp_path / "bundle").path.name == CODES
    with pytest.raises(BundleError, match="no TFLite file in it"):
        write_app_assets(open_bundle(tmp_path / "bundle"), tmp_path / "app")


def test_with_all_precisions_it_is_in_int8_alone(tmp_path: Path, radiographs: Path) -> None:
    result, notes = run(tmp_path, calibration=radiographs, precision="all")
    assert result.passed, notes
    assert [row["precision"] for row in result.rows if row["target"] == "ethos-u"] == ["int8"]
    assert len(result.rows) == 4


def test_what_it_cannot_be_is_an_error_that_says_so(tmp_path: Path, radiographs: Path) -> None:
    with pytest.raises(UsageError, match="target 'ethos-u' is in int8 alone"):
        run(tmp_path, precision="fp16")
    for wanted in ({"network": "hard_swish"}, {"quantizer": "native"}):
        with pytest.raises(ConversionError, match=r"'ethos-u' holds the integers of an exact plan .* there is none"):
            run(tmp_path, calibration=radiographs, **wanted)
    assert not (tmp_path / "bundle").exists()
