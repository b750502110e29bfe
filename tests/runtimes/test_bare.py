"""Files in another Python: the same answers as in this one, and an error that says what stopped it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import DeviceError
from edgefrac.runtimes.bare import BarePython, BarePythonError
from edgefrac.runtimes.litert import LiteRTSession

HERE = BarePython((sys.executable,), os.environ)


def test_answers_are_those_of_a_session(tiny_tflite: Path) -> None:
    session = LiteRTSession(tiny_tflite)
    side = session.contract.input.size
    images = np.random.default_rng(4).integers(0, 256, (3, side, side), np.uint8)
    started = time.monotonic()
    first, second = HERE.run([tiny_tflite, tiny_tflite], images)
    assert "LiteRT" in first.runtime
    for image, probability, evidence in zip(images, first.probability, first.evidence, strict=True):
        expected = session.predict(image)
        assert np.array_equal(probability, expected.probability)
        assert np.array_equal(evidence, expected.evidence)
    assert np.array_equal(first.evidence, second.evidence)
    assert started < first.first_answer < second.first_answer < time.monotonic()
    assert first.peak_rss is not None and second.peak_rss is not None
    assert 20e6 < first.peak_rss <= second.peak_rss


def test_a_file_that_does_not_load_is_an_error_with_its_cause(tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    with pytest.raises(DeviceError, match=r"stopped with status 1 \(ValueError"):
        HERE.run([broken], np.zeros((1, 8, 8), np.uint8))


def test_a_crash_is_told_by_its_signal_and_the_log_is_kept(tmp_path: Path) -> None:
    script = tmp_path / "crash.py"
    script.write_text("import os, sys; print('the driver says', file=sys.stderr, flush=True); os.abort()")
    with pytest.raises(BarePythonError, match=r"stopped with SIGABRT \(the driver says\)") as raised:
        BarePython((sys.executable,), os.environ, script).run([], np.zeros((1, 8, 8), np.uint8))
    assert raised.value.crash == "SIGABRT"
    assert raised.value.log == "the driver says\n"


def test_a_python_that_is_not_there_is_named() -> None:
    with pytest.raises(DeviceError, match="/no/python does not start"):
        BarePython(("/no/python",), {}).run([], np.zeros((1, 8, 8), np.uint8))


def test_a_file_without_an_evidence_map_answers_too(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from edgefrac.targets.onnx_graph import finish
    from tests import onnx_model

    graph, contract = onnx_model.graph(), onnx_model.contract()
    del graph.graph.output[1:]
    path = tmp_path / "mapless.onnx"
    path.write_bytes(finish(graph, contract.model_copy(update={"outputs": contract.outputs[:1]})))
    (answers,) = HERE.run([path], np.zeros((2, 32, 32), np.uint8))
    assert answers.probability.shape == (2, 1)
    assert answers.evidence.shape == (2, 0)


@pytest.mark.slow
def test_a_checkpoint_answers_as_in_its_session() -> None:
    from edgefrac.prediction import REFERENCE_CHECKPOINT
    from edgefrac.runtimes.torch import TorchSession

    images = np.random.default_rng(4).integers(0, 256, (1, 256, 256), np.uint8)
    (found,) = HERE.run([REFERENCE_CHECKPOINT], images)
    assert np.allclose(found.probability[0], TorchSession(REFERENCE_CHECKPOINT).predict(images[0]).probability)
