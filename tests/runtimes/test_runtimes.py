"""ONNX Runtime and OpenVINO: right numbers from a good file, a clear error and never a crash from a bad one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

from edgefrac.contract import Contract, Output
from edgefrac.errors import MissingExtraError, ModelFileError
from edgefrac.runtimes.session import open_session
from edgefrac.targets import onnx_graph, openvino_graph
from edgefrac.targets.ort_convert import to_ort
from tests import onnx_model, openvino_model, tflite_model

KINDS = ("onnx", "openvino", "ort")


@pytest.fixture
def network_input() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (tflite_model.SIZE, tflite_model.SIZE), dtype=np.uint8)


@pytest.fixture(params=KINDS)
def tiny(request: pytest.FixtureRequest) -> Path:
    """The tiny model in each format."""
    path: Path = request.getfixturevalue(f"tiny_{request.param}")
    return path


def copied(path: Path, folder: Path) -> Path:
    """A file and its companions, elsewhere."""
    folder.mkdir(exist_ok=True)
    for file in path.parent.glob(f"{path.stem}.*"):
        shutil.copy(file, folder)
    return folder / path.name


def build_onnx(folder: Path, bias: float = tflite_model.BIAS) -> Path:
    path = folder / "broken.onnx"
    path.write_bytes(onnx_model.build(bias))
    return path


def build_ort(folder: Path, bias: float = tflite_model.BIAS) -> Path:
    path = folder / "broken.ort"
    path.write_bytes(to_ort(onnx_model.build(bias)))
    return path


def build_openvino(folder: Path, bias: float = tflite_model.BIAS) -> Path:
    return openvino_model.build(folder / "broken.xml", bias)


def test_outputs_equal_the_formula(tiny: Path, network_input: np.ndarray) -> None:
    prediction = open_session(tiny).predict(network_input)
    probability, evidence = tflite_model.expected(network_input)
    assert prediction.probability.shape == (1,) and prediction.probability.dtype == np.float32
    assert prediction.probability[0] == pytest.approx(probability, abs=1e-6)
    assert prediction.evidence is not None and prediction.evidence.dtype == np.float32
    np.testing.assert_allclose(prediction.evidence[:, :, 0], evidence, atol=1e-6)


def test_an_earlier_prediction_is_not_overwritten_by_the_next(tiny: Path, network_input: np.ndarray) -> None:
    session = open_session(tiny)
    first = session.predict(network_input)
    assert first.evidence is not None
    probability, evidence = first.probability.copy(), first.evidence.copy()
    session.predict(255 - network_input)
    np.testing.assert_array_equal(first.probability, probability)
    np.testing.assert_array_equal(first.evidence, evidence)


def test_the_files_may_be_deleted_after_opening(tiny: Path, tmp_path: Path, network_input: np.ndarray) -> None:
    session = open_session(copied(tiny, tmp_path / "copy"))
    shutil.rmtree(tmp_path / "copy")
    assert 0 < session.predict(network_input).probability[0] < 1


def test_nothing_is_said_on_standard_error(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_session(tiny)
    print("still here", file=sys.stderr)
    assert capfd.readouterr().err == "still here\n"


def test_threads_are_those_that_were_asked_for(tiny_onnx: Path, tiny_openvino: Path) -> None:
    for threads in (1, 2):
        in_ort, in_openvino = (open_session(path, threads) for path in (tiny_onnx, tiny_openvino))
        assert in_ort._session.get_session_options().intra_op_num_threads == threads  # type: ignore[attr-defined]
        compiled = in_openvino._request.get_compiled_model()  # type: ignore[attr-defined]
        assert compiled.get_property("INFERENCE_NUM_THREADS") == threads


def test_openvino_computes_in_float32_where_the_processor_would_rather_not(tiny_openvino: Path) -> None:
    session = open_session(tiny_openvino)
    compiled = session._request.get_compiled_model()  # type: ignore[attr-defined]
    assert str(compiled.get_property("INFERENCE_PRECISION_HINT")) == "<Type: 'float32'>"


@pytest.mark.parametrize("build", [build_onnx, build_openvino, build_ort], ids=KINDS)
def test_a_probability_that_is_no_number_is_an_error(
    build: Callable[[Path, float], Path], tmp_path: Path, network_input: np.ndarray
) -> None:
    session = open_session(build(tmp_path, float("nan")))
    with pytest.raises(ModelFileError, match=r"broken\.(onnx|xml|ort): the model's probability is not a finite number"):
        session.predict(network_input)


def _promising(contract: Contract, index: int, shape: tuple[int, ...]) -> Contract:
    outputs = [output for output in contract.outputs if output.name != "evidence"]
    return contract.model_copy(update={"outputs": (*outputs, Output(name="evidence", shape=shape, index=index))})


@pytest.mark.parametrize("index", [1, 5])
def test_onnx_outputs_that_break_the_contract_are_refused(
    index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a file cannot be written without taking the check away."""
    monkeypatch.setattr(onnx_graph, "_require_promised", lambda graph, contract: None)
    path = tmp_path / "broken.onnx"
    path.write_bytes(onnx_graph.finish(onnx_model.graph(), _promising(onnx_model.contract(), index, (1, 8, 8, 2))))
    with pytest.raises(ModelFileError, match=rf"broken.onnx: output {index} is not .*contract promises"):
        open_session(path)


@pytest.mark.parametrize("index", [1, 5])
def test_openvino_outputs_that_break_the_contract_are_refused(
    index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_graph, "_require_promised", lambda model, contract: None)
    path = tmp_path / "broken.xml"
    openvino_graph.save(openvino_model.graph(), _promising(openvino_model.contract(), index, (1, 8, 8, 2)), path)
    with pytest.raises(ModelFileError, match=r"broken.xml: output \d is not .*contract promises"):
        open_session(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_runtime_that_is_not_installed(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = request.getfixturevalue(f"tiny_{kind}")
    monkeypatch.setitem(sys.modules, "openvino" if kind == "openvino" else "onnxruntime", None)
    for module in ("openvino_import", "onnxruntime_import"):
        monkeypatch.delitem(sys.modules, f"edgefrac.targets.{module}", raising=False)
    with pytest.raises(MissingExtraError) as caught:
        open_session(path)
    assert (
        caught.value.hint == f"pip install 'edgefrac[{kind.replace('ort', 'onnx')}]'"
        and str(path) in caught.value.message
    )


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_errors_and_never_crashes(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In a process of its own, since a crash would take the test run with it."""
    path = copied(request.getfixturevalue(f"tiny_{kind}"), tmp_path / "damaged")
    code = f"""
import random
from pathlib import Path
from edgefrac.errors import ModelFileError
from edgefrac.runtimes.session import open_session
model = Path({str(path)!r})
chance = random.Random(1)
refused = 0
for path in sorted(model.parent.iterdir()):
    whole = path.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), 97)]
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 4])):
            data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        damaged.append(bytes(data))
    for data in damaged:
        path.write_bytes(data)
        try:
            open_session(model)
        except ModelFileError as error:
            assert path.name in error.message and "\\n" not in error.message, error.message
            refused += 1
        else:
            raise SystemExit(f"{{path.name}}: accepted")
    path.write_bytes(whole)
open_session(model)
print(refused)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout
    assert int(done.stdout) > 150


@pytest.mark.parametrize(
    ("machine", "flags", "exact"),
    [
        ("x86_64", "avx2 avx512_vnni", True),
        ("AMD64", "avx2 avx_vnni", True),
        ("x86_64", "avx2", False),
        ("aarch64", "", True),
    ],
)
def test_exact_kernels_are_asked_of_onnx_runtime_where_its_fast_ones_are_not(
    machine: str, flags: str, exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgefrac.runtimes import ort

    ort._adds_bytes_exactly.cache_clear()
    monkeypatch.setattr(ort.platform, "machine", lambda: machine)
    (tmp_path / "cpuinfo").write_text(f"flags : {flags}\n")
    assert ort._adds_bytes_exactly(tmp_path / "cpuinfo") is exact
    assert ort._adds_bytes_exactly(tmp_path / "none") is (machine == "aarch64")
    ort._adds_bytes_exactly.cache_clear()


def test_onnx_runtimes_threads_rest_after_an_answer(tiny_onnx: Path, network_input: np.ndarray) -> None:
    """Left alone they spin for some 50 ms, on a processor that the next to run wants."""
    session = open_session(tiny_onnx, threads=3)
    for _ in range(20):
        session.predict(network_input)
    before = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - before < 0.01
