"""Targets by name: known without loading anything heavy, and clear about what is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from edgefrac.errors import MissingExtraError, UsageError
from edgefrac.runtimes.session import ModelKind
from edgefrac.targets import registry

HEAVY = {"torch", "litert_torch", "ai_edge_litert", "onnx", "onnxruntime", "openvino", "scipy"}


def test_looking_at_the_targets_is_light() -> None:
    code = "import sys; from edgefrac.targets.registry import available; available(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & HEAVY == set()


def test_their_order_is_not_that_of_their_imports() -> None:
    code = "import edgefrac.targets.openvino; from edgefrac.targets.registry import available as a; print(a()[0].name)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "tflite\n"


def test_the_targets_are_known_by_name_kind_and_suffix() -> None:
    assert [target.name for target in registry.available()] == ["tflite", "onnx", "openvino", "ort", "ethos-u"]
    for target in registry.available():
        assert registry.find(target.name) is target
        assert registry.of_kind(ModelKind(target.title).value) is target
        assert registry.of_name(f"folder/model{target.suffix}") is target
    assert registry.of_kind(ModelKind.CHECKPOINT.value) is None and registry.of_name("model.bin") is None


def test_an_unknown_target_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(UsageError, match="target 'onxx' is not available") as caught:
        registry.find("onxx")
    assert caught.value.hint == "one of: tflite, onnx, openvino, ort, ethos-u; did you mean 'onnx'?"


@pytest.mark.parametrize("name", ["tflite", "onnx", "openvino", "ort", "ethos-u"])
def test_what_a_target_lacks_comes_with_its_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = registry.find(name)
    gone = target.modules[-1]
    there = registry.util.find_spec
    monkeypatch.setattr(registry.util, "find_spec", lambda module: None if module == gone else there(module))
    assert target.missing() == [gone]
    with pytest.raises(MissingExtraError) as caught:
        target.require()
    assert (caught.value.exit_status, caught.value.hint) == (3, f"pip install 'edgefrac[{target.extra}]'")
