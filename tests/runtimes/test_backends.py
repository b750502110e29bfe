"""Backends: which there are, what they take, and that those of the CPU answer alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import ModelFileError, UsageError
from edgefrac.runtimes.backend import DEVICES, Placed, backends
from edgefrac.runtimes.session import ModelKind
from tests import tflite_model

IMAGES = np.random.default_rng(0).integers(0, 256, (3, tflite_model.SIZE, tflite_model.SIZE)).astype(np.uint8)


def test_a_device_that_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match="'abacus' is not known") as raised:
        backends("abacus")
    assert "arm64" in raised.value.hint


@pytest.mark.parametrize("kind", list(ModelKind))
def test_the_cpu_takes_every_kind_of_file_in_its_own_runtime_once(kind: ModelKind) -> None:
    own = [one.title for one in backends("cpu") if one.takes(kind, "int8") and one.bare]
    assert len(own) == 1


def test_titles_are_unique() -> None:
    titles = [one.title for device in DEVICES for one in backends(device)]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("title", ["LiteRT", "LiteRT CompiledModel"])
def test_answers_are_those_of_the_formula(title: str, tiny_tflite: Path) -> None:
    backend = next(one for one in backends("cpu") if one.title == title)
    found = backend.answers(tiny_tflite, IMAGES)
    assert found.evidence is not None
    for image, probability, evidence in zip(IMAGES, found.probability, found.evidence, strict=True):
        wanted, its_map = tflite_model.expected(image)
        assert probability == pytest.approx([wanted], abs=1e-6)
        np.testing.assert_allclose(evidence[..., 0], its_map, atol=1e-6)


def test_compiled_model_is_never_given_a_damaged_file(tiny_tflite: Path, tmp_path: Path) -> None:
    backend = next(one for one in backends("cpu") if one.title == "LiteRT CompiledModel")
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(tiny_tflite.read_bytes()[:700])
    with pytest.raises(ModelFileError, match=r"cut\.tflite"):
        backend.open(cut)


def test_torch_compile_answers_as_torch_does() -> None:
    pytest.importorskip("torch")
    from edgefrac.prediction import REFERENCE_CHECKPOINT

    eager, compiled = (one for one in backends("cpu") if one.takes(ModelKind.CHECKPOINT, "fp32"))
    size = eager.open(REFERENCE_CHECKPOINT).contract.input.size
    image = np.random.default_rng(1).integers(0, 256, (size, size)).astype(np.uint8)
    mine, other = (one.open(REFERENCE_CHECKPOINT).predict(image) for one in (eager, compiled))
    assert compiled.title == "torch.compile"
    np.testing.assert_allclose(mine.probability, other.probability, atol=1e-5)
    assert mine.evidence is not None and other.evidence is not None
    np.testing.assert_allclose(mine.evidence, other.evidence, atol=1e-3)


def test_a_placement_says_how_many_operators_are_elsewhere() -> None:
    assert Placed({"CONV_2D": 3}, {"SOFTMAX": 1}, "2 partitions").summary == (
        "3 of 4 operators on the device; 2 partitions"
    )
