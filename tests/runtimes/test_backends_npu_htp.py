"""Qualcomm's HTP: one part where all operators are taken, each leftover counted, answers near the integers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import DeviceError, MissingExtraError, ModelFileError
from edgefrac.runtimes import htp
from edgefrac.runtimes.backends.qualcomm_htp import QualcommHtp
from edgefrac.runtimes.session import ModelKind
from edgefrac.targets.onnx_nodes import Node, nodes_of
from tests.models.networks import phantoms
from tests.runtimes import int8_student


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxruntime_qnn", reason="pip install 'edgefrac[npu]'")
    return int8_student.write(tmp_path_factory.mktemp("student"))[1]


def test_it_is_for_int8_onnx_only() -> None:
    assert QualcommHtp().takes(ModelKind.ONNX, "int8")
    assert not QualcommHtp().takes(ModelKind.ONNX, "fp16")
    assert not QualcommHtp().takes(ModelKind.TFLITE, "int8")


def test_an_int8_student_is_one_part_with_nothing_left_over(student: Path) -> None:
    found = QualcommHtp().placement(student)
    assert found.elsewhere == {}
    assert sum(found.on_device.values()) == len(nodes_of(student.read_bytes()))
    assert found.on_device["Conv"] > 10
    assert found.note.startswith("1 part on the NPU")


def test_answers_are_near_those_of_the_cpu_and_not_the_same(student: Path) -> None:
    from edgefrac.runtimes.ort import OnnxSession

    images = phantoms(4, seed=5, size=int8_student.SIZE)
    found = QualcommHtp().answers(student, images)
    session = OnnxSession(student)
    expected = [session.predict(image) for image in images]
    assert found.evidence is not None
    maps = np.stack([one.evidence for one in expected])
    assert found.evidence.shape == maps.shape
    # random weights pass every other rounding on; still each map is nearest to that of the same image
    like = np.corrcoef(found.evidence.reshape(4, -1), maps.reshape(4, -1))[:4, 4:]
    assert like.diagonal().min() > 0.8 and (like.argmax(axis=1) == np.arange(4)).all()
    assert np.abs(found.probability - np.stack([one.probability for one in expected])).max() < 0.1
    assert not np.array_equal(found.evidence, maps)
    assert QualcommHtp().evidence_level == "emulated"
    assert QualcommHtp().reported(student) is None


def test_native_lines_do_not_reach_the_user(student: Path) -> None:
    program = f"""
import numpy as np
from pathlib import Path
from edgefrac.runtimes.backends.qualcomm_htp import QualcommHtp
path = Path({str(student)!r})
QualcommHtp().placement(path)
QualcommHtp().answers(path, np.zeros((1, {int8_student.SIZE}, {int8_student.SIZE}), np.uint8))
print("done")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_an_operator_that_the_htp_does_not_take_is_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime_qnn", reason="pip install 'edgefrac[npu]'")
    from edgefrac.targets.onnx_graph import finish
    from tests import onnx_model

    graph = onnx_model.graph()
    (last,) = [node for node in graph.graph.node if node.op_type == "Sigmoid"]
    last.op_type = "Acosh"
    path = tmp_path / "acosh.onnx"
    path.write_bytes(finish(graph, onnx_model.contract()))
    found = QualcommHtp().placement(path)
    assert found.elsewhere == {"Acosh": 1}
    assert sum(found.on_device.values()) == len(graph.graph.node) - 1


def test_a_damaged_file_is_an_error_before_qualcomms_compiler_sees_it(student: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(student.read_bytes()[:-5000])
    for ask in (QualcommHtp().placement, QualcommHtp().open):
        with pytest.raises(ModelFileError, match=r"cut\.onnx"):
            ask(cut)


@pytest.fixture
def unloaded() -> Iterator[None]:
    """ONNX Runtime's devices are asked for again."""
    htp._devices.cache_clear()
    yield
    htp._devices.cache_clear()


@pytest.mark.usefixtures("unloaded")
def test_without_the_package_the_extra_is_named(tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime_qnn", None)
    for ask in (QualcommHtp().placement, QualcommHtp().open):
        with pytest.raises(MissingExtraError) as raised:
            ask(tiny_onnx)
        assert raised.value.hint == "pip install 'edgefrac[npu]'"


@pytest.mark.usefixtures("unloaded")
def test_a_library_that_does_not_load_is_an_error_with_its_cause(
    tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    qnn = pytest.importorskip("onnxruntime_qnn", reason="pip install 'edgefrac[npu]'")
    (tmp_path / "libonnxruntime_providers_qnn.so").write_bytes(b"not a library")
    monkeypatch.setattr(qnn, "get_library_path", lambda: str(tmp_path / "libonnxruntime_providers_qnn.so"))
    monkeypatch.setattr(htp, "_PROVIDER", "QNNExecutionProviderOfThisTest")
    with pytest.raises(DeviceError, match="onnxruntime-qnn does not load here"):
        QualcommHtp().open(tiny_onnx)


def test_several_parts_and_leftovers_are_counted() -> None:
    before = [Node(kind, "", (), ()) for kind in ("Conv", "Conv", "NonZero", "Conv", "Sigmoid")]
    after = [Node(kind, "", (), ()) for kind in ("EPContext", "NonZero", "EPContext")]
    found = htp.placed(before, after)
    assert found.on_device == {"Conv": 3, "Sigmoid": 1}
    assert found.elsewhere == {"NonZero": 1}
    assert found.note.startswith("2 parts on the NPU")
    assert htp.placed(before, before).summary == "0 of 5 operators on the device"
