"""Ethos-U by Vela: every operator counted where it really runs, and what happens without Vela or with a bad file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import DeviceError, MissingExtraError, ModelFileError
from edgefrac.runtimes.backend import backends
from edgefrac.runtimes.backends.ethos_u import EthosU55, EthosU65, EthosU85
from edgefrac.runtimes.bare import BarePython
from edgefrac.runtimes.litert import LiteRTSession
from edgefrac.runtimes.session import ModelKind
from edgefrac.runtimes.vela import command, compile_for, estimate, why_elsewhere
from edgefrac.targets.tflite_graph import operator_name, read_graph
from tests.models.networks import phantoms
from tests.runtimes import int8_student

BEHIND_THE_MAP = {"DEQUANTIZE": 1, "MEAN": 1, "MUL": 1, "ADD": 1, "LOGISTIC": 1}
SAID = """
Warning (supported operators) operator: DEPTH_TO_SPACE, ofm: 'evidence'
Reason: Unsupported opType

Warning (supported operators) operator: DEQUANTIZE, ofm: 't174'
Reason: Unsupported opType

Warning (supported operators) operator: LOGISTIC, ofm: 'probability'
Reason: Operation has tensor with unsupported DataType Float32 (t181)
Feature-map dataTypes must be one of {"INT16", "INT32", "INT64", "INT8", "UINT8"}

CPU operators = 6 (9.0%)
"""  # ethos-u-vela 5.2.0 on the bundled reference, cut short


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return int8_student.write(tmp_path_factory.mktemp("student"))[0]


@pytest.fixture
def vela() -> None:
    try:
        command(Path("any"))
    except MissingExtraError as error:
        pytest.skip(f"no Vela here: {error.hint}")


def test_they_are_npus_for_int8_tflite_only() -> None:
    titles = {one.title for one in backends("npu")}
    assert {"Ethos-U55-128", "Ethos-U65-256", "Ethos-U85-256"} <= titles
    assert EthosU55().takes(ModelKind.TFLITE, "int8")
    assert not EthosU55().takes(ModelKind.TFLITE, "fp32")
    assert not EthosU55().takes(ModelKind.ONNX, "int8")


@pytest.mark.usefixtures("vela")
@pytest.mark.parametrize("backend", [EthosU55(), EthosU65(), EthosU85()], ids=lambda backend: backend.accelerator)
def test_only_the_float_operators_behind_the_map_are_elsewhere(backend: EthosU55, student: Path) -> None:
    found = backend.placement(student)
    assert found.elsewhere == BEHIND_THE_MAP
    model = read_graph(student.read_bytes())
    assert sum(found.on_device.values()) == len(model.subgraphs[0].operators) - 5
    kinds = [operator_name(model, operator) for operator in model.subgraphs[0].operators]
    assert found.on_device["CONV_2D"] == kinds.count("CONV_2D")
    assert "1 part on the NPU; DEQUANTIZE elsewhere: Unsupported opType" in found.note
    assert "Float32" in found.note


@pytest.mark.usefixtures("vela")
def test_the_larger_accelerator_is_predicted_to_be_faster(student: Path) -> None:
    small, large = EthosU55().reported(student), EthosU65().reported(student)
    assert small is not None and large is not None
    assert small.evidence_level == large.evidence_level == "predicted"
    assert small.cycles is not None and large.cycles is not None and small.cycles > large.cycles > 1000
    assert small.median_ms == pytest.approx(small.cycles / 500e6 * 1e3)
    assert small.sram_kb is not None and 5 < small.sram_kb < 1000


@pytest.mark.usefixtures("vela")
def test_of_a_float_file_nothing_is_on_the_npu(tiny_tflite: Path) -> None:
    found = compile_for(tiny_tflite, "ethos-u55-128")
    assert sum(found.placement.on_device.values()) == 0
    assert sum(found.placement.elsewhere.values()) == len(read_graph(tiny_tflite.read_bytes()).subgraphs[0].operators)
    assert found.estimate is None


def test_answers_are_those_of_the_reference_kernels_and_no_others(student: Path) -> None:
    images = phantoms(6, seed=5, size=int8_student.SIZE)
    found = EthosU55().answers(student, images)
    (expected,) = BarePython((sys.executable,), {}).run([student], images, kernels="BUILTIN_REF")
    assert found.evidence is not None
    assert np.array_equal(found.evidence, expected.evidence)
    assert np.array_equal(found.probability, expected.probability)
    session = LiteRTSession(student)
    exact = np.stack([session.predict(image).evidence for image in images])
    assert not np.array_equal(found.evidence, exact)
    assert EthosU55().evidence_level == "emulated"


def test_a_damaged_file_is_an_error_before_vela_sees_it(student: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(student.read_bytes()[:9000])
    for ask in (EthosU55().placement, EthosU55().reported, EthosU55().open):
        with pytest.raises(ModelFileError, match=r"cut\.tflite"):
            ask(cut)


@pytest.mark.usefixtures("vela")
def test_what_vela_refuses_is_an_error_with_its_last_line(student: Path) -> None:
    with pytest.raises(DeviceError, match=r"student\.tflite: vela stopped with status 2 \(.*invalid choice"):
        compile_for(student, "ethos-u55-7")


def test_without_vela_the_extra_is_named(student: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError) as raised:
        EthosU55().placement(student)
    assert raised.value.hint == "pip install 'edgefrac[npu]'"


def test_velas_reasons_are_grouped() -> None:
    assert why_elsewhere(SAID) == (
        "DEPTH_TO_SPACE, DEQUANTIZE elsewhere: Unsupported opType; "
        "LOGISTIC elsewhere: Operation has tensor with unsupported DataType Float32"
    )
    assert why_elsewhere("CPU operators = 0 (0.0%)") == ""


def test_an_estimate_is_read_in_our_units() -> None:
    row = {"inference_time": "0.028821158", "cycles_total": "14410579", "sram_memory_used": "3004.21875"}
    found = estimate(row)
    assert (found.evidence_level, found.cycles, found.runs) == ("predicted", 14410579, 0)
    assert found.median_ms == pytest.approx(28.821158)
    assert found.sram_kb == pytest.approx(3076.32)
