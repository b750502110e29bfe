"""``edgefrac export``, ``verify`` and ``train`` as thin shells: what they pass on, print and return.

What the pipeline itself does has its own tests; here it is replaced, so that nothing is trained or converted.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from edgefrac.cli.main import main


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand-ins for the pipeline, whose modules need torch; they keep what they were called with."""
    kept: dict[str, Any] = {"passed": True}

    def export_bundle(request: SimpleNamespace, **how: Any) -> SimpleNamespace:
        kept["request"] = request
        how["note"]("a note")
        row = {"path": "b/m.tflite", "target": "tflite", "precision": "int8", "bytes": 4_000_000, "verdict": "passed"}
        document = {"bundle": "b", "artefacts": [row], "seconds": 1.0}
        return SimpleNamespace(passed=kept["passed"], to_dict=lambda: document)

    def verify_bundle(path: Path, data: str | None, **how: Any) -> SimpleNamespace:
        kept["verified"] = (path, data)
        verdict = "passed" if kept["passed"] else "failed"
        document = {"passed": kept["passed"], "checks": [{"name": "golden", "verdict": verdict, "detail": "4 vectors"}]}
        return SimpleNamespace(passed=kept["passed"], to_dict=lambda: document)

    export_module = ModuleType("edgefrac.pipeline.export")
    export_module.__dict__.update(export_bundle=export_bundle, ExportRequest=SimpleNamespace)
    verify_module = ModuleType("edgefrac.pipeline.verify")
    verify_module.__dict__.update(verify_bundle=verify_bundle)
    monkeypatch.setitem(sys.modules, "edgefrac.pipeline.export", export_module)
    monkeypatch.setitem(sys.modules, "edgefrac.pipeline.verify", verify_module)
    return kept


def test_export_passes_its_options_on(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    options = "c.safetensors --target tflite,onnx --precision int8 --data d --calibration k --out o --keep-rejected"
    assert main(["export", *options.split(), "--strict", "--json"]) == 0
    request = calls["request"]
    assert request.checkpoint == Path("c.safetensors")
    assert (request.targets, request.precision, request.data) == (("tflite", "onnx"), "int8", "d")
    assert (request.calibration, request.out, request.keep_rejected) == (Path("k"), Path("o"), True)
    assert (request.network, request.recipe, request.strict) == (None, None, True)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["artefacts"][0]["precision"] == "int8"
    assert printed.err == "a note\n"


def test_the_fields_of_the_request_are_those_of_the_pipeline(calls: dict[str, Any]) -> None:
    """The stand-in takes any field; the real request must have the same ones (read, not imported: it needs torch)."""
    main(["export"])
    source = (Path(__file__).parents[2] / "edgefrac" / "pipeline" / "export.py").read_text()
    declared = source.split("class ExportRequest:")[1].split("@dataclass")[0]
    assert all(f"\n    {name}: " in declared for name in vars(calls["request"]))


def test_export_says_in_words_what_it_made(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export"]) == 0
    assert capsys.readouterr().out == "passed     tflite int8  4.00 MB  b/m.tflite\nbundle: b (1 s)\n"


@pytest.mark.parametrize("command", [["export"], ["verify", "b"]])
def test_a_gate_that_is_not_passed_is_status_1_and_still_prints(
    command: list[str], calls: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    calls["passed"] = False
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)


def test_verify_passes_the_bundle_and_the_data_on(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "b", "--data", "d"]) == 0
    assert calls["verified"] == (Path("b"), "d")
    assert capsys.readouterr().out == "passed     golden  4 vectors\n"


def test_an_unknown_export_recipe_is_named(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--recipe", "no-such"]) == 2
    assert "error: no-such: no such recipe file" in capsys.readouterr().err


def test_an_unknown_training_recipe_is_named_before_anything_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "no-such"]) == 2
    printed = capsys.readouterr()
    assert "error: no-such: no such recipe file" in printed.err and "hint: bundled train recipes: " in printed.err
