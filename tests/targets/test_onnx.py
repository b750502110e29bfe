"""ONNX files as others read them: a clean graph, metadata under the usual keys, weights nowhere else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from onnx import TensorProto, numpy_helper  # noqa: E402

from edgefrac.errors import ModelFileError  # noqa: E402
from edgefrac.runtimes.session import open_session  # noqa: E402
from edgefrac.targets import onnx_metadata  # noqa: E402
from edgefrac.targets.onnx_graph import finish  # noqa: E402
from edgefrac.targets.onnx_metadata import read_contract, seal  # noqa: E402
from tests import onnx_model  # noqa: E402
from tests.models.networks import SIZE, phantoms  # noqa: E402
from tests.targets.conftest import Floats  # noqa: E402

FLOATS = ("fp32", "fp16")
CLIENT = Path(__file__).parent / "onnx_client.cjs"


def loaded(made: Floats, precision: str) -> onnx.ModelProto:
    return onnx.load_from_string(made.files[precision].read_bytes())


@pytest.mark.parametrize("precision", FLOATS)
def test_every_file_takes_pixels_and_gives_floats(onnx_files: Floats, precision: str) -> None:
    session = ort.InferenceSession(onnx_files.files[precision].read_bytes(), providers=["CPUExecutionProvider"])
    assert [(v.name, v.type, v.shape) for v in session.get_inputs()] == [("image", "tensor(uint8)", [1, SIZE, SIZE, 1])]
    assert [(v.name, v.type, v.shape) for v in session.get_outputs()] == [
        ("probability", "tensor(float)", [1, 4]),
        ("evidence", "tensor(float)", [1, 4, 4, 4]),
    ]


@pytest.mark.parametrize("precision", FLOATS)
def test_the_graph_is_clean(onnx_files: Floats, precision: str) -> None:
    """No operator that the network does not ask for, and nothing of the exporter's own notes."""
    model = loaded(onnx_files, precision)
    onnx.checker.check_model(model, full_check=True)
    operators = Counter(node.op_type for node in model.graph.node)
    kernels = operators.pop("Cast") - 1  # that of the pixels; each float16 kernel has one
    assert kernels == (12 if precision == "fp16" else 0)
    # normalisation, and the calibration of the probability
    assert operators["Sub"] == 1 and operators["Mul"] == 2 and operators["Transpose"] == 2
    assert set(operators) == {"Conv", "Clip", "Add", "Sub", "Mul", "Transpose", "ReduceMean", "Sigmoid"}
    assert operators["Conv"] == 12
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 20)]
    parts = [model.graph, *model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output]
    assert not any(part.doc_string or part.metadata_props for part in parts)
    assert not model.functions and not model.graph.value_info


def test_float16_files_hold_their_kernels_in_float16(onnx_files: Floats) -> None:
    whole = {t.name: numpy_helper.to_array(t) for t in loaded(onnx_files, "fp32").graph.initializer}
    half = {t.name: numpy_helper.to_array(t) for t in loaded(onnx_files, "fp16").graph.initializer}
    kernels = [name for name, values in whole.items() if values.ndim > 1]
    assert len(kernels) == 12
    assert all(half[name].dtype == whole[name].dtype for name in whole if name not in kernels)
    for name in kernels:
        stored = half[f"{name}.half"]
        assert stored.dtype == np.float16
        np.testing.assert_array_equal(stored, whole[name].astype(np.float16))


def test_the_runtime_folds_float16_into_the_same_kernels(onnx_files: Floats) -> None:
    found = [onnx_files.target.placement(onnx_files.files[precision]) for precision in FLOATS]
    assert found[0] == found[1]
    assert found[0]["types"]["Conv:float32"] == 12
    assert list(found[0]["providers"]) == ["CPUExecutionProvider"]


def test_a_generic_reader_finds_the_metadata(onnx_files: Floats) -> None:
    """As ONNX Runtime shows it to any program."""
    meta = ort.InferenceSession(
        onnx_files.files["fp16"].read_bytes(), providers=["CPUExecutionProvider"]
    ).get_modelmeta()
    assert meta.producer_name == "EdgeFrac" and meta.graph_name == "talkative"
    assert "not a medical device" in meta.description and "nobody" in meta.description
    found = meta.custom_metadata_map
    assert set(found) == {"edgefrac.contract", "edgefrac.sha256", "labels", "model_author", "model_license"}
    assert found["labels"].splitlines() == ["fracture", "hand", "leg", "hip"]
    assert (found["model_author"], found["model_license"]) == ("EdgeFrac", "CC0-1.0")
    assert json.loads(found["edgefrac.contract"])["precision"] == "fp16"


def test_the_digest_is_that_of_the_file_without_it(onnx_files: Floats) -> None:
    data = onnx_files.files["fp32"].read_bytes()
    model = onnx.load_from_string(data)
    (digest,) = (p.value.encode() for p in model.metadata_props if p.key == "edgefrac.sha256")
    assert data.count(digest) == 1
    assert hashlib.sha256(data.replace(digest, b"0" * 64)).hexdigest().encode() == digest


def _in_the_graph(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.initializer.append(tensor)


def _in_an_attribute(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["unused"], value=tensor))


def _in_a_list(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["unused"], value=[tensor]))


def _in_a_sparse_tensor(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(tensor)


def _in_a_function(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.functions.add().node.append(onnx.helper.make_node("Constant", [], ["unused"], value=tensor))


def _in_a_branch(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    branch = onnx.helper.make_graph([], "branch", [], [], [tensor])
    model.graph.node.append(onnx.helper.make_node("If", ["unused"], ["unused"], then_branch=branch, else_branch=branch))


def _in_a_sparse_index(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.sparse_initializer.add().indices.CopyFrom(tensor)


def _in_a_sparse_attribute(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.node.add(op_type="Constant").attribute.add().sparse_tensor.values.CopyFrom(tensor)


def _in_a_functions_default(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.functions.add().attribute_proto.add().t.CopyFrom(tensor)


def _in_training(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.training_info.add().initialization.initializer.add().CopyFrom(tensor)


def _in_a_list_of_graphs_of_an_algorithm(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    node = model.training_info.add().algorithm.node.add(op_type="If")
    node.attribute.add().graphs.add().initializer.add().CopyFrom(tensor)


HIDDEN = [
    _in_the_graph,
    _in_an_attribute,
    _in_a_list,
    _in_a_sparse_tensor,
    _in_a_sparse_index,
    _in_a_sparse_attribute,
    _in_a_function,
    _in_a_functions_default,
    _in_a_branch,
    _in_training,
    _in_a_list_of_graphs_of_an_algorithm,
]
ELSEWHERE = ["../../etc/passwd", "/dev/zero", "pipe", "link", "beside.bin"]


@pytest.mark.parametrize("hide", HIDDEN)
def test_weights_in_other_files_are_refused_before_a_runtime_looks_for_them(hide, tmp_path: Path, monkeypatch) -> None:
    tensor = TensorProto(name="elsewhere", data_type=TensorProto.FLOAT, dims=[1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    model = onnx_model.graph()
    hide(model, tensor)
    monkeypatch.setattr(onnx.checker, "check_model", lambda model: None)
    monkeypatch.setattr("edgefrac.targets.onnx_graph._strip", lambda model: None)
    path = tmp_path / "elsewhere.onnx"
    path.write_bytes(finish(model, onnx_model.contract()))
    with pytest.raises(ModelFileError, match=r"elsewhere\.onnx: some of its weights lie in other files"):
        open_session(path)


@pytest.mark.parametrize("location", ELSEWHERE)
def test_no_place_elsewhere_is_opened(location: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one beside the file either: a file with contract is whole, so there is no path to judge wrongly."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "beside.bin").write_bytes(bytes(4))
    tensor = TensorProto(name="elsewhere", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": str(1 << 62), "length": "-1"}.items():
        tensor.external_data.add(key=key, value=value)
    extra = onnx.ModelProto()
    extra.graph.initializer.add().CopyFrom(tensor)
    path = tmp_path / "elsewhere.onnx"
    path.write_bytes(seal(onnx_model.build() + extra.SerializeToString()))
    monkeypatch.setattr(ort, "InferenceSession", lambda *_, **__: pytest.fail("the runtime saw it"))
    monkeypatch.chdir(tmp_path)
    for look in (open_session, read_contract):
        with pytest.raises(ModelFileError, match="some of its weights lie in other files"):
            look(path)


def _field(number: int, content: bytes) -> bytes:
    length, size = len(content), b""
    while length > 0x7F:
        size, length = size + bytes([length & 0x7F | 0x80]), length >> 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + content


@pytest.mark.parametrize("depth", [1, 50, 20_000])
def test_graphs_in_graphs_are_walked_to_the_bottom(depth: int, tmp_path: Path) -> None:
    """A node's attribute is a graph, whose node's attribute is a graph: 20,000 deep, no call stack would hold."""
    innermost = TensorProto(name="elsewhere", data_location=TensorProto.EXTERNAL).SerializeToString()
    graph = _field(5, innermost)
    for _ in range(depth):
        graph = _field(1, _field(5, _field(6, graph)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(seal(onnx_model.build() + _field(7, graph)))
    with pytest.raises(ModelFileError, match="some of its weights lie in other files"):
        read_contract(path)


def test_code_compiled_for_a_device_is_refused(tmp_path: Path) -> None:
    extra = onnx.ModelProto()
    extra.graph.node.add(op_type="EPContext", domain="com.microsoft", output=["unused"])
    path = tmp_path / "compiled.onnx"
    path.write_bytes(seal(onnx_model.build() + extra.SerializeToString()))
    with pytest.raises(ModelFileError, match="compiled for one device"):
        open_session(path)


def test_a_file_of_countless_fields_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "many.onnx"
    path.write_bytes(seal(onnx_model.build() + _field(7, b"\x30\x00" * 3_000_000)))
    started = time.process_time()
    with pytest.raises(ModelFileError, match="more than 500000 fields"):
        read_contract(path)
    assert time.process_time() - started < 2


def test_no_library_of_operators_is_ever_registered() -> None:
    source = Path(onnx_metadata.__file__).parents[1]
    assert not [p for p in source.rglob("*.py") if "register_custom_ops_library" in p.read_text(encoding="utf-8")]


def test_an_operator_that_the_runtime_does_not_have_is_refused_by_it(tmp_path: Path) -> None:
    extra = onnx.ModelProto()
    extra.graph.node.add(op_type="Custom", domain="strange", input=["image"], output=["unused"])
    extra.opset_import.add(domain="strange", version=1)
    path = tmp_path / "custom.onnx"
    path.write_bytes(seal(onnx_model.build() + extra.SerializeToString()))
    with pytest.raises(ModelFileError, match="ONNX Runtime cannot load it"):
        open_session(path)


def test_two_contracts_are_refused(tmp_path: Path) -> None:
    entry = onnx.ModelProto()
    entry.metadata_props.add(key="edgefrac.contract", value="{}")
    path = tmp_path / "two.onnx"
    path.write_bytes(onnx_model.build() + entry.SerializeToString())
    with pytest.raises(ModelFileError, match=r"two\.onnx: .*two entries"):
        read_contract(path)


def test_a_strangers_file_has_no_contract(tmp_path: Path) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(onnx_model.graph().SerializeToString())
    with pytest.raises(ModelFileError, match="without EdgeFrac's contract") as caught:
        open_session(path)
    assert "--target onnx" in caught.value.hint


def test_onnx_runtime_in_node_gives_the_same_answers(onnx_files: Floats, tmp_path: Path) -> None:
    """``npm install --prefix build/node onnxruntime-node`` puts it where this looks."""
    modules = Path(os.environ.get("EDGEFRAC_NODE_MODULES") or Path("build/node/node_modules")).resolve()
    if not shutil.which("node") or not (modules / "onnxruntime-node").is_dir():
        pytest.skip("no Node, or no onnxruntime-node in build/node")
    image = phantoms(1, seed=9)[0]
    (tmp_path / "image.raw").write_bytes(image.tobytes())
    for precision in FLOATS:
        path = onnx_files.files[precision]
        done = subprocess.run(
            ["node", str(CLIENT), str(path), str(tmp_path / "image.raw"), str(SIZE)],
            capture_output=True,
            text=True,
            env={**os.environ, "NODE_PATH": str(modules)},
        )
        assert done.returncode == 0, done.stderr
        answer, expected = json.loads(done.stdout), open_session(path).predict(image)
        assert (answer["inputs"], answer["outputs"]) == (["image"], ["probability", "evidence"])
        assert expected.evidence is not None
        np.testing.assert_allclose(answer["probability"], expected.probability, rtol=0, atol=1e-5)
        np.testing.assert_allclose(
            np.array(answer["evidence"]).reshape(answer["dims"])[0], expected.evidence, rtol=0, atol=1e-4
        )
