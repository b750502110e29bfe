"""Files in another Python: the same answers as in this one, and an error that says what stopped it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import DeviceError
from edgefrac.runtimes.bare import BarePython
from edgefrac.runtimes.litert import LiteRTSession

HERE = BarePython((sys.executable,), os.environ)


def test_answers_are_those_of_a_session(tiny_tflite: Path) -> None:
    session = LiteRTSession(tiny_tflite)
    side = session.contract.input.size
    images = np.random.default_rng(4).integers(0, 256, (3, side, side), np.uint8)
    first, second = HERE.run([tiny_tflite, tiny_tflite], images)
    assert "LiteRT" in first.runtime
    for image, probability, evidence in zip(images, first.probability, first.evidence, strict=True):
        expected = session.predict(image)
        assert np.array_equal(probability, expected.probability)
        assert np.array_equal(evidence, expected.evidence)
    assert np.array_equal(first.evidence, second.evidence)


def test_a_file_that_does_not_load_is_an_error_with_its_cause(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    with pytest.raises(DeviceError, match=r"stopped with status 1 \(ValueError"):
        HERE.run([broken], np.zeros((1, 8, 8), np.uint8))


def test_a_python_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="/no/python does not start"):
        BarePython(("/no/python",), {}).run([], np.zeros((1, 8, 8), np.uint8))
