"""Files for Ethos-U: nothing but integers, all of them on the NPU, and the answers of the ordinary int8 file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from edgefrac.benchmarking.memory import alone
from edgefrac.cli.main import main
from edgefrac.contract import Codes, Output
from edgefrac.errors import ConversionError, MissingExtraError, ModelFileError
from edgefrac.inspection import inspect_model
from edgefrac.runtimes.backend import DEVICES, backends
from edgefrac.runtimes.backends.ethos_u import EthosU55, EthosU65, EthosU85
from edgefrac.runtimes.litert import LiteRTSession, make_interpreter
from edgefrac.runtimes.map_codes import evidence_of
from edgefrac.runtimes.session import ModelKind, model_kind, open_session
from edgefrac.runtimes.vela import command
from edgefrac.targets import registry
from edgefrac.targets.tflite_graph import finish, read_graph, tensor_type
from edgefrac.targets.tflite_integers import codes_graph
from edgefrac.targets.tflite_metadata import read_contract
from tests.models.networks import phantoms
from tests.targets import ethos_u_students
from tests.targets.ethos_u_students import Student
from tests.targets.flatbuffer import metadata

ACCELERATORS = (EthosU55(), EthosU65(), EthosU85())


@pytest.fixture(
    scope="module", params=[ethos_u_students.plain, ethos_u_students.of_two_scales], ids=lambda f: f.__name__
)
def student(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Student:
    make: Callable[[Path], Student] = request.param
    return make(tmp_path_factory.mktemp("student"))


@pytest.fixture(scope="module")
def vela() -> str:
    try:
        return command(Path("any"))
    except MissingExtraError as error:
        pytest.skip(f"no Vela here: {error.hint}")


def test_its_codes_are_those_of_the_integer_network(student: Student) -> None:
    interpreter = make_interpreter(student.ethos_u.read_bytes(), threads=1)
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    for image in phantoms(6, seed=5, size=student.size):
        interpreter.set_tensor(given["index"], image[None, :, :, None])
        interpreter.invoke()
        wanted = student.network.run(image)[student.network.output]
        np.testing.assert_array_equal(np.moveaxis(interpreter.get_tensor(found["index"])[0], -1, 0), wanted)
        assert wanted.std() > 1


def test_it_answers_as_the_ordinary_int8_file(student: Student) -> None:
    ours, theirs = open_session(student.ethos_u), open_session(student.tflite)
    spread = []
    for image in phantoms(6, seed=5, size=student.size):
        found, wanted = ours.predict(image), theirs.predict(image)
        assert found.evidence is not None and wanted.evidence is not None
        assert found.evidence.dtype == found.probability.dtype == np.float32
        np.testing.assert_array_equal(found.evidence, wanted.evidence)
        assert ours.contract.outputs[0].cells == theirs.contract.outputs[1].cells == found.evidence.shape[:2]
        np.testing.assert_allclose(found.probability, wanted.probability, atol=3e-7)
        spread.append(wanted.probability[0])
    assert np.ptp(spread) > 0.01


def test_there_is_no_float_in_it_and_one_output(student: Student) -> None:
    graph = read_graph(student.ethos_u.read_bytes()).subgraphs[0]
    assert {tensor_type(tensor) for tensor in graph.tensors} == {"uint8", "int8", "int32"}
    (output,) = read_contract(student.ethos_u).outputs
    assert output.codes is not None
    (place,) = graph.outputs
    tensor = graph.tensors[place]
    assert (tensor.name, tuple(tensor.shape)) == (b"evidence", output.shape)
    assert (tensor.quantization.scale[0], tensor.quantization.zeroPoint[0]) == (
        output.codes.scale,
        output.codes.zero_point,
    )


@pytest.mark.parametrize("accelerator", ACCELERATORS, ids=lambda one: one.title)
def test_every_operator_is_on_the_npu(accelerator: EthosU55, student: Student, vela: str) -> None:
    found = accelerator.placement(student.ethos_u)
    assert not found.elsewhere
    operators = read_graph(student.ethos_u.read_bytes()).subgraphs[0].operators
    assert sum(found.on_device.values()) == len(operators) > 10
    assert found.note == "1 part on the NPU"
    assert accelerator.placement(student.tflite).elsewhere


def test_on_the_npu_it_answers_as_the_ordinary_file_does_there(student: Student) -> None:
    images = phantoms(4, seed=6, size=student.size)
    ours, theirs = (EthosU55().answers(path, images) for path in (student.ethos_u, student.tflite))
    assert ours.evidence is not None and theirs.evidence is not None
    np.testing.assert_array_equal(ours.evidence, theirs.evidence)
    np.testing.assert_allclose(ours.probability, theirs.probability, atol=3e-7)


def test_a_bench_that_requires_an_npu_passes(student: Student, vela: str, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--seconds", "0.05", "--images", "4", "--require", "npu"]
    assert main(["bench", str(student.ethos_u), "--json", *quick]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["runtime"] for row in rows} == {"LiteRT", *(one.title for one in ACCELERATORS)}
    assert {row["target"] for row in rows} == {"ethos-u"}
    assert all(row["parity"]["max_abs_diff_cpu"] < 0.2 for row in rows if row["device"] == "npu")
    assert main(["bench", str(student.tflite), "--json", *quick]) == 1


def test_vela_keeps_the_contract(student: Student, vela: str, tmp_path: Path) -> None:
    arguments = [str(student.ethos_u), "--accelerator-config=ethos-u55-128", f"--output-dir={tmp_path}"]
    subprocess.run([vela, *arguments], capture_output=True, check=True)
    (compiled,) = tmp_path.glob("*_vela.tflite")
    wanted = metadata(student.ethos_u.read_bytes(), "edgefrac.contract")
    assert metadata(compiled.read_bytes(), "edgefrac.contract") == wanted
    with pytest.raises(ModelFileError, match="SHA-256") as caught:
        inspect_model(compiled)
    assert "vela" in caught.value.hint


def test_it_is_known_by_content_and_by_name(student: Student, tmp_path: Path) -> None:
    target = registry.find("ethos-u")
    assert model_kind(student.ethos_u) is ModelKind.ETHOS_U and model_kind(student.tflite) is ModelKind.TFLITE
    assert registry.of_name("a/reference-int8-ethos-u.tflite") is target
    assert registry.of_name("a/reference-int8.tflite") is registry.find("tflite")
    renamed = tmp_path / "renamed.tflite"
    renamed.write_bytes(student.ethos_u.read_bytes())
    report = inspect_model(renamed)
    assert report["kind"] == target.title and report["placement"]["stray_floats"] == []
    assert alone(renamed, phantoms(1, size=student.size)[0], 1, processes=1).cold_start_ms > 0


def test_only_runtimes_that_read_codes_take_it() -> None:
    taking = {one.title for device in DEVICES for one in backends(device) if one.takes(ModelKind.ETHOS_U, "int8")}
    assert taking == {"LiteRT", *(one.title for one in ACCELERATORS)}


def test_a_file_cut_short_is_an_error(student: Student, tmp_path: Path) -> None:
    whole, cut = student.ethos_u.read_bytes(), tmp_path / "cut.tflite"
    for length in (20, 200, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut\.tflite"):
            open_session(cut)


@pytest.mark.parametrize("change", [{"scale": 3.0}, {"zero_point": 5}], ids=str)
def test_codes_of_another_grid_than_promised_are_refused(
    change: dict[str, float], student: Student, tmp_path: Path
) -> None:
    contract = read_contract(student.ethos_u)
    codes = contract.outputs[0].codes
    assert codes is not None
    output = contract.outputs[0].model_copy(update={"codes": codes.model_copy(update=change)})
    other = tmp_path / "other.tflite"
    graph = codes_graph(student.network, student.size)
    other.write_bytes(finish(graph, contract.model_copy(update={"outputs": (output,)})))
    with pytest.raises(ModelFileError, match=r"other\.tflite: output 0 is not the int8 .*contract promises"):
        LiteRTSession(other)


def test_files_of_other_targets_say_nothing_of_codes(student: Student) -> None:
    assert "codes" not in read_contract(student.tflite).to_json()


def test_codes_are_laid_out_as_the_contract_says() -> None:
    codes = Codes(scale=0.5, zero_point=-1, block=2)
    values = np.arange(8, dtype=np.int8).reshape(1, 1, 8)  # two channels: (row · 2 + column) · 2 + channel
    assert evidence_of(values, codes)[..., 0].tolist() == [[0.5, 1.5], [2.5, 3.5]]
    assert evidence_of(values, codes)[..., 1].tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "broken",
    [
        {"name": "evidence", "dtype": "int8", "shape": (1, 2, 2, 1)},
        {"name": "evidence", "shape": (1, 2, 2, 1), "codes": {"scale": 1, "zero_point": 0}},
        {"name": "probability", "dtype": "int8", "shape": (1, 1), "codes": {"scale": 1, "zero_point": 0}},
        {
            "name": "evidence",
            "dtype": "int8",
            "shape": (1, 2, 2, 6),
            "codes": {"scale": 1, "zero_point": 0, "block": 2},
        },
    ],
)
def test_a_contract_of_half_a_promise_is_none(broken: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="codes are"):
        Output.model_validate({"index": 0, **broken})


def test_there_is_no_file_without_an_exact_plan(student: Student, tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="holds the integers of an exact plan"):
        registry.find("ethos-u").write(b"", read_contract(student.ethos_u), None, tmp_path / "a-ethos-u.tflite")
