"""int8 files of all targets from one exact plan: equal integers, the same again from its plan, and what has no plan."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
for module in ("litert_torch", "onnxruntime", "openvino"):
    pytest.importorskip(module)

from edgefrac.bundle import open_bundle  # noqa: E402
from edgefrac.datasets.phantom import phantom_dataset, write_phantoms  # noqa: E402
from edgefrac.digest import file_sha256  # noqa: E402
from edgefrac.errors import ConversionError, UsageError  # noqa: E402
from edgefrac.evaluation import Collection  # noqa: E402
from edgefrac.imaging.preprocess import preprocess  # noqa: E402
from edgefrac.pipeline.agreement import REFERENCE  # noqa: E402
from edgefrac.pipeline.export import ExportRequest, ExportResult, export_bundle  # noqa: E402
from edgefrac.pipeline.quantizing import Source, quantization_of  # noqa: E402
from edgefrac.pipeline.recipe import ExportRecipe  # noqa: E402
from edgefrac.pipeline.subject import load_subject  # noqa: E402
from edgefrac.progress import silent  # noqa: E402
from edgefrac.quantization.exact_plan import ExactPlan  # noqa: E402
from edgefrac.quantization.plan import Native, Plan  # noqa: E402
from edgefrac.targets import onnx_integers  # noqa: E402
from edgefrac.targets.registry import Target, find  # noqa: E402
from edgefrac.verification.certificate import Certificate  # noqa: E402

ALL = ("tflite", "onnx", "openvino", "ort")
RECIPE = "phantoms: 120\ninput_size: 64\nprecision: int8\nlimits: {min_positives: 40, min_negatives: 40}\n"
LOOSE = RECIPE.replace(
    "}", ", auroc_loss: 0.05, evidence_correlation: 0, flips: 1, sensitivity_loss: 1, specificity_loss: 1}"
)


@pytest.fixture(scope="session")
def radiographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms to calibrate on, none of them in the gate."""
    folder = tmp_path_factory.mktemp("calibration")
    write_phantoms(phantom_dataset(16, 77), folder / "phantoms")
    return folder / "phantoms"


def run(folder: Path, *, network: str = "pooled", recipe: str = RECIPE, **wanted: Any) -> tuple[ExportResult, str]:
    """Export a small foreign network to all targets; the result, and the notes as one text."""
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(recipe)
    notes: list[str] = []
    request = ExportRequest(
        **{
            "out": folder / "bundle",
            "recipe": folder / "recipe.yaml",
            "network": f"tests.pipeline.networks:{network}",
            "targets": ALL,
            "keep_rejected": True,
            **wanted,
        }
    )
    return export_bundle(request, note=notes.append, track=silent), "\n".join(notes)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, radiographs: Path) -> tuple[ExportResult, str]:
    return run(tmp_path_factory.mktemp("int8"), calibration=radiographs)


def certificate_of(result: ExportResult) -> Certificate:
    assert result.bundle
    return Certificate.from_json((result.bundle / "certificate.json").read_text())


def test_all_files_give_the_integers_of_one_plan(exported: tuple[ExportResult, str]) -> None:
    result, notes = exported
    assert result.passed, notes
    artefacts = certificate_of(result).artefacts
    assert {a.file for a in artefacts} == {
        "pooled-int8.tflite",
        "pooled-int8.onnx",
        "pooled-int8.xml",
        "pooled-int8.ort",
    }
    for artefact in artefacts:
        others = {a.file for a in artefacts} - {artefact.file}
        assert {row.with_file: row.images for row in artefact.agreement} == {REFERENCE: 4} | dict.fromkeys(others, 120)
        assert {(row.identical, row.largest) for row in artefact.agreement} == {(1.0, 0)}
    assert "codes" not in notes


def test_the_plan_is_in_the_bundle_and_the_certificate_names_it(exported: tuple[ExportResult, str]) -> None:
    bundle = exported[0].bundle
    assert bundle and "plan.json" in {entry.path for entry in open_bundle(bundle).manifest.files}
    plan = ExactPlan.from_json((bundle / "plan.json").read_text(), "plan.json")
    assert plan.source == "phantoms" and plan.architecture == "tests.pipeline.networks:pooled"
    assert {a.plan_sha256 for a in certificate_of(exported[0]).artefacts} == {file_sha256(bundle / "plan.json")}
    page = (bundle / "certificate.html").read_text()
    assert "100.00 % of the map&#39;s codes" in page or "100.00 % of the map's codes" in page


def test_a_plan_makes_the_same_integers_again(exported: tuple[ExportResult, str], tmp_path: Path) -> None:
    bundle = exported[0].bundle
    assert bundle
    again, notes = run(tmp_path, plan=bundle / "plan.json")
    assert again.passed and again.bundle, notes
    assert (again.bundle / "plan.json").read_bytes() == (bundle / "plan.json").read_bytes()
    for name in ("pooled-int8.tflite", "pooled-int8.onnx", "pooled-int8.xml", "pooled-int8.bin", "pooled-int8.ort"):
        assert file_sha256(again.bundle / name) == file_sha256(bundle / name)


def test_another_process_makes_the_same_bytes(
    exported: tuple[ExportResult, str], radiographs: Path, tmp_path: Path
) -> None:
    """From the radiographs, with another order of hashes, in another time zone and folder."""
    surroundings = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "PYTHONPATH": str(Path.cwd())}
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    options = ["--recipe", "recipe.yaml", "--calibration", str(radiographs), "--target", ",".join(ALL)]
    done = subprocess.run(
        [sys.executable, "-m", "edgefrac", "export", "--model", "tests.pipeline.networks:pooled", *options],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=surroundings,
    )
    assert done.returncode == 0, done.stderr
    bundle = exported[0].bundle
    assert bundle
    files = ["plan.json", *(f"pooled-int8.{suffix}" for suffix in ("tflite", "onnx", "xml", "bin", "ort"))]
    assert [file_sha256(tmp_path / "bundle" / f) for f in files] == [file_sha256(bundle / f) for f in files]


def test_plans_that_cannot_be_used_are_named(
    exported: tuple[ExportResult, str], radiographs: Path, tmp_path: Path
) -> None:
    bundle = exported[0].bundle
    assert bundle
    with pytest.raises(UsageError, match="either --plan or --calibration"):
        run(tmp_path, plan=bundle / "plan.json", calibration=radiographs)
    with pytest.raises(UsageError, match=r"nowhere\.json: cannot be read"):
        run(tmp_path, plan=tmp_path / "nowhere.json")
    (tmp_path / "cut.json").write_text((bundle / "plan.json").read_text()[:-40])
    with pytest.raises(ConversionError, match=r"cut\.json: not edgefrac.plan/1"):
        run(tmp_path, plan=tmp_path / "cut.json")
    with pytest.raises(ConversionError, match="the plan was made for another network"):
        run(tmp_path, plan=bundle / "plan.json", network="coloured")


def test_a_residual_network_for_colours_has_an_exact_plan(tmp_path: Path, radiographs: Path) -> None:
    result, notes = run(tmp_path, network="coloured", calibration=radiographs)
    assert "no exact plan" not in notes
    assert result.passed, notes
    rows = [row for artefact in certificate_of(result).artefacts for row in artefact.agreement]
    assert len(rows) == 16 and all(row.identical == 1 for row in rows)


def test_without_ranges_int8_alone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="needs activation ranges"):
        run(tmp_path, targets=("onnx",))


def test_each_format_keeps_its_own_quantizer(
    tmp_path: Path, radiographs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result, notes = run(tmp_path, calibration=radiographs, quantizer="native", recipe=LOOSE)
    assert result.bundle and result.passed, notes
    artefacts = {a.target: a for a in certificate_of(result).artefacts}
    assert set(artefacts) == set(ALL)
    assert not (result.bundle / "plan.json").exists()
    for artefact in artefacts.values():
        assert artefact.plan_sha256 is None and not artefact.agreement
        assert artefact.calibration and len(artefact.calibration.sha256) == 16
    assert "QLinearConv:uint8 " in artefacts["onnx"].placement and "QLinearConv:uint8 " in artefacts["ort"].placement
    assert "Convolution:int8 " in artefacts["openvino"].placement
    assert all(row["precision"] == "int8" and row["max_abs_diff"] > 0 for row in result.rows)
    assert capfd.readouterr().out == "", "what --json prints has to be one document"


def test_native_files_are_the_same_bytes_again(tmp_path: Path, radiographs: Path) -> None:
    subject = load_subject(None, "tests.pipeline.networks:pooled", ExportRecipe(input_size=64))
    contract = subject.exportable.contract("int8", subject.identity, "phantoms")
    images = np.stack([preprocess(sample.read().pixels, 64) for sample in phantom_dataset(8, 77).samples])
    for target in (find(name) for name in ("onnx", "openvino")):
        graph = target.convert(subject.exportable)
        made = []
        for number in range(2):
            path = tmp_path / f"{number}{target.suffix}"
            target.write(graph, target.promise(contract), Native(images, None), path)
            made.append([file.read_bytes() for file in (path, *target.companions(path))])
        assert made[0] == made[1]
        target.write(graph, target.promise(contract), Native(images // 2, None), path)
        assert path.read_bytes() != made[0][0], "radiographs half as bright have other ranges"


def test_carried_ranges_do_for_tflite_alone() -> None:
    """What only radiographs can calibrate is left out with a note, or an error where int8 alone was asked for."""
    subject = replace(
        load_subject(None, "tests.pipeline.networks:pooled", ExportRecipe(input_size=64)),
        plan=Plan({"input": (-1.0, 1.0)}),
    )
    targets = [find(name) for name in ALL]
    gate = Collection()

    def quantization(precision: str, wanted: list[Target], plan: Path | None = None) -> tuple[Any, str]:
        notes: list[str] = []
        recipe = ExportRecipe.model_validate({"precision": precision, "quantizer": "native"})
        found = quantization_of(Source(None, plan), recipe, subject, wanted, lambda _: None, gate, notes.append, silent)
        return found, "\n".join(notes)

    found, notes = quantization("all", targets)
    assert [found.serves(target) for target in targets] == [True, False, False, False]
    assert (
        "int8 is left out for onnx and openvino and ort: a quantizer of their own needs" in notes
        and "--calibration DIR" in notes
    )
    found, notes = quantization("auto", targets[1:3])
    assert found is None and "int8 is left out for onnx and openvino" in notes
    with pytest.raises(ConversionError, match="native int8 for onnx needs radiographs") as caught:
        quantization("int8", targets[:2])
    assert "--calibration DIR" in caught.value.hint
    assert quantization("int8", targets[:1])[1] == ""
    with pytest.raises(UsageError, match="--plan and mixed precision are for the exact plan alone"):
        quantization("int8", targets, Path("plan.json"))
    with pytest.raises(UsageError, match="--plan and mixed precision are for the exact plan alone"):
        quantization("mixed", targets)


def test_what_no_integer_layer_computes_is_named_and_left_to_each_formats_quantizer(
    tmp_path: Path, radiographs: Path
) -> None:
    result, notes = run(
        tmp_path, network="hard_swish", calibration=radiographs, recipe=LOOSE, targets=("tflite", "onnx")
    )
    assert "no exact plan, so that each format's own quantizer makes int8: no integer layer computes Hardswish" in notes
    assert [(row["target"], row["precision"]) for row in result.rows] == [("tflite", "int8"), ("onnx", "int8")]


def test_a_file_that_computes_other_integers_is_told(
    tmp_path: Path, radiographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = onnx_integers.integer_model

    def off(network: Any, size: int) -> Any:
        layer = network.layers[-1]
        wrong = layer.bias.copy()
        wrong[0] += 2 * 2**15 // int(layer.factor[0])
        object.__setattr__(layer, "bias", wrong)
        return real(network, size)

    monkeypatch.setattr(onnx_integers, "integer_model", off)
    _, notes = run(tmp_path, calibration=radiographs, targets=("tflite", "onnx"))
    assert "pooled-int8.tflite" in notes and "codes are not those of" in notes


def test_layers_that_lose_most_stay_in_float32_where_int8_fails(tmp_path: Path, radiographs: Path) -> None:
    auto = RECIPE.replace("precision: int8", "precision: auto")
    result, notes = run(tmp_path / "auto", network="uneven", calibration=radiographs, recipe=auto)
    assert result.passed and result.bundle, notes
    assert [(row["precision"], row["verdict"]) for row in result.rows] == [("int8", "failed")] * 4 + [
        ("mixed", "passed")
    ] * 4
    plan = ExactPlan.from_json((result.bundle / "plan.json").read_text(), "plan.json")
    assert plan.floats == ("conv000", "conv001"), notes
    passed = [a for a in certificate_of(result).artefacts if a.verdict.verdict == "passed"]
    assert {a.plan_sha256 for a in passed} == {file_sha256(result.bundle / "plan.json")}
    assert all(row.identical > 0.95 for a in passed for row in a.agreement)

    again, notes = run(
        tmp_path / "again", network="uneven", plan=result.bundle / "plan.json", recipe=RECIPE.replace("int8", "mixed")
    )
    assert again.passed and again.bundle, notes
    for name in ("uneven-mixed2.tflite", "uneven-mixed2.onnx", "uneven-mixed2.xml", "uneven-mixed2.ort"):
        assert file_sha256(again.bundle / name) == file_sha256(result.bundle / name)
