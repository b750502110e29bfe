"""LiteRT sessions: right numbers from a good file, a clear error and never a crash from a bad one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgefrac.contract import Contract, Output
from edgefrac.errors import ModelFileError
from edgefrac.runtimes.litert import LiteRTSession, make_interpreter
from edgefrac.runtimes.session import open_session
from tests import tflite_model


@pytest.fixture
def network_input() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (tflite_model.SIZE, tflite_model.SIZE), dtype=np.uint8)


def test_outputs_equal_the_formula(tiny_tflite: Path, network_input: np.ndarray) -> None:
    prediction = open_session(tiny_tflite).predict(network_input)
    probability, evidence = tflite_model.expected(network_input)
    assert prediction.probability.shape == (1,) and prediction.probability.dtype == np.float32
    assert prediction.probability[0] == pytest.approx(probability, abs=1e-6)
    assert prediction.evidence is not None
    np.testing.assert_allclose(prediction.evidence[:, :, 0], evidence, atol=1e-6)


def test_an_earlier_prediction_is_not_overwritten_by_the_next(tiny_tflite: Path, network_input: np.ndarray) -> None:
    session = open_session(tiny_tflite)
    first = session.predict(network_input)
    assert first.evidence is not None
    probability, evidence = first.probability.copy(), first.evidence.copy()
    session.predict(255 - network_input)
    np.testing.assert_array_equal(first.probability, probability)
    np.testing.assert_array_equal(first.evidence, evidence)


def test_the_file_may_be_deleted_after_opening(tmp_path: Path, tiny_tflite: Path, network_input: np.ndarray) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_tflite.read_bytes())
    session = LiteRTSession(path)
    path.unlink()
    assert 0 < session.predict(network_input).probability[0] < 1


def test_xnnpack_says_nothing_on_standard_error(tiny_tflite: Path, capfd: pytest.CaptureFixture[str]) -> None:
    LiteRTSession(tiny_tflite)
    print("still here", file=sys.stderr)
    assert capfd.readouterr().err == "still here\n"


@pytest.mark.parametrize(
    ("output", "shape"), [(0, (1, 8, 8, 2)), (5, (1, 8, 8, 1))], ids=["wrong shape", "no such output"]
)
def test_outputs_that_break_the_contract_are_refused(tmp_path: Path, output: int, shape: tuple[int, ...]) -> None:
    good = tflite_model.contract()
    evidence = Output(name="evidence", shape=shape, index=output)
    path = _write(tmp_path, good.model_copy(update={"outputs": (evidence, good.outputs[1])}))
    with pytest.raises(ModelFileError, match=rf"broken.tflite: output {output} is not .*contract promises"):
        LiteRTSession(path)


def test_an_input_that_breaks_the_contract_is_refused(tmp_path: Path) -> None:
    good = tflite_model.contract()
    path = _write(tmp_path, good.model_copy(update={"input": good.input.model_copy(update={"shape": (1, 64, 64, 1)})}))
    with pytest.raises(ModelFileError, match=r"broken.tflite: its input is not the uint8 \[1, 64, 64, 1\]"):
        LiteRTSession(path)


def test_a_file_without_contract_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.tflite"
    path.write_bytes(tflite_model.build(None))
    with pytest.raises(ModelFileError, match=r"foreign\.tflite.*contract"):
        open_session(path)


def test_damaged_files_are_errors_and_never_crashes(tmp_path: Path, tiny_tflite: Path) -> None:
    """In a process of its own, since a crash would take the test run with it."""
    code = f"""
import random, sys
from pathlib import Path

import numpy as np
from edgefrac.errors import ModelFileError
from edgefrac.runtimes.session import open_session
whole = Path({str(tiny_tflite)!r}).read_bytes()
path = Path({str(tmp_path)!r}) / "damaged.tflite"
chance = random.Random(1)
cut = [whole[:length] for length in range(0, len(whole), 37)]
flipped = []
for _ in range(300):
    data = bytearray(whole)
    for _ in range(chance.choice([1, 4])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    flipped.append(bytes(data))
refused = 0
for number, data in enumerate(cut + flipped):
    path.write_bytes(data)
    try:
        open_session(path).predict(np.zeros(({tflite_model.SIZE},) * 2, np.uint8))
    except ModelFileError as error:
        assert "damaged.tflite" in error.message and "\\n" not in error.message, error.message
        refused += 1
    else:
        assert number >= len(cut), f"a file cut to {{len(data)}} bytes was accepted"
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 100


def _write(folder: Path, contract: Contract) -> Path:
    path = folder / "broken.tflite"
    path.write_bytes(tflite_model.build(contract))
    return path


@pytest.mark.parametrize(("said", "meant"), [("", MemoryError), ("Didn't find op for builtin opcode", RuntimeError)])
def test_want_of_memory_is_told_without_words(
    said: str, meant: type[Exception], tiny_tflite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError(said)

    monkeypatch.setattr("ai_edge_litert.interpreter.Interpreter.allocate_tensors", fail)
    with pytest.raises(meant):
        make_interpreter(tiny_tflite.read_bytes(), 1)
