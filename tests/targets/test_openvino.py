"""OpenVINO files as others read them: a clean graph, layouts, and OpenVINO Model API's classification."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

ov = pytest.importorskip("openvino")

from edgefrac.contract import Task  # noqa: E402
from edgefrac.errors import ConversionError, ModelFileError  # noqa: E402
from edgefrac.models.exportable import from_checkpoint, identify  # noqa: E402
from edgefrac.models.folding import fold  # noqa: E402
from edgefrac.runtimes.session import open_session  # noqa: E402
from edgefrac.targets.openvino_graph import save  # noqa: E402
from edgefrac.targets.openvino_metadata import model_info, read_contract  # noqa: E402
from edgefrac.targets.registry import find  # noqa: E402
from tests import openvino_model  # noqa: E402
from tests.models.networks import SIZE, info, phantoms, talkative  # noqa: E402
from tests.targets.conftest import Floats  # noqa: E402

FLOATS = ("fp32", "fp16")


@pytest.mark.parametrize("precision", FLOATS)
def test_every_file_takes_pixels_and_gives_floats(openvino_files: Floats, precision: str) -> None:
    model = ov.Core().read_model(openvino_files.files[precision])
    (image,) = model.inputs
    assert (image.names, image.get_element_type(), list(image.shape)) == ({"image"}, ov.Type.u8, [1, SIZE, SIZE, 1])
    assert ov.layout_helpers.get_layout(image).to_string() == "[N,H,W,C]"
    assert [(v.names, v.get_element_type(), list(v.shape)) for v in model.outputs] == [
        ({"class_probability"}, ov.Type.f32, [1, 2]),
        ({"probability"}, ov.Type.f32, [1, 4]),
        ({"evidence"}, ov.Type.f32, [1, 4, 4, 4]),
    ]


def test_nothing_is_reported_to_openvinos_makers(openvino_files: Floats, tmp_path: Path) -> None:
    """Importing OpenVINO and converting with it would send telemetry, by a process of its own."""
    code = """
import sys
from multiprocessing import Process
from pathlib import Path
def start(self): raise SystemExit("telemetry")
Process.start = start
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import from_checkpoint
from edgefrac.runtimes.session import open_session
from edgefrac.targets.registry import find
find("openvino").convert(from_checkpoint(*load_checkpoint(Path(sys.argv[1]))))
open_session(Path(sys.argv[2]))
print([name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""
    home = {**os.environ, "HOME": str(tmp_path)}  # what its makers' module would leave there, it has not left yet
    files = [str(openvino_files.checkpoint), str(openvino_files.files["fp32"])]
    done = subprocess.run([sys.executable, "-c", code, *files], capture_output=True, text=True, env=home)
    assert done.returncode == 0, done.stderr[-1000:]
    assert done.stdout == "[]\n" and list(tmp_path.iterdir()) == []


def test_the_contract_says_where_the_outputs_are(openvino_files: Floats) -> None:
    contract = read_contract(openvino_files.files["fp32"])
    assert {output.name: output.index for output in contract.outputs} == {"probability": 1, "evidence": 2}


def test_the_graph_is_clean(openvino_files: Floats) -> None:
    """No operator that the network does not ask for, and names that no other conversion in this process changes."""
    model = ov.Core().read_model(openvino_files.files["fp32"])
    operators = Counter(node.get_type_name() for node in model.get_ops())
    assert operators["Convolution"] + operators["GroupConvolution"] == 12
    assert set(operators) - {"Parameter", "Result", "Constant"} == {
        *("Add", "Clamp", "Concat", "Convert", "Convolution", "GroupConvolution", "Multiply", "ReduceMean"),
        *("Sigmoid", "Slice", "Subtract", "Transpose"),
    }
    assert {node.get_friendly_name() for node in model.get_ops()} == {
        "image",
        *(f"n{number}" for number in range(1, len(model.get_ops()))),
    }


def test_one_channel_leaves_no_arithmetic_of_shapes(tmp_path: Path) -> None:
    """The converter turns the transpose of a map with one channel into a reshape to a shape worked out at run time."""
    target = find("openvino")
    exportable = from_checkpoint(fold(talkative()), info())
    contract = target.promise(exportable.contract("fp32", identify(info(), "0" * 64)))
    target.write(target.convert(exportable), contract, None, tmp_path / "one.xml")
    operators = {node.get_type_name() for node in ov.Core().read_model(tmp_path / "one.xml").get_ops()}
    assert "Reshape" in operators and not operators & {"ShapeOf", "Gather"}


def test_float16_files_hold_their_kernels_in_float16(openvino_files: Floats) -> None:
    model = ov.Core().read_model(openvino_files.files["fp16"])
    kernels = [node for node in model.get_ops() if node.get_type_name() == "Constant" and len(node.shape) >= 4]
    assert len([k for k in kernels if np.prod(k.shape) > 64]) >= 12
    assert {k.get_element_type() for k in kernels} == {ov.Type.f16}


def test_float16_files_are_computed_in_float32_by_the_same_kernels(openvino_files: Floats) -> None:
    found = [openvino_files.target.placement(openvino_files.files[precision]) for precision in FLOATS]
    assert found[0] == found[1]
    assert found[0]["types"]["Convolution:float32"] == 12


def test_the_digests_are_those_of_both_files(openvino_files: Floats) -> None:
    path = openvino_files.files["fp32"]
    model, data = ov.Core().read_model(path), path.read_bytes()
    found = {key: model.get_rt_info(["edgefrac", key]).astype(str) for key in ("contract", "sha256", "weights_sha256")}
    assert found["weights_sha256"] == hashlib.sha256(path.with_suffix(".bin").read_bytes()).hexdigest()
    assert hashlib.sha256(data.replace(found["sha256"].encode(), b"0" * 64)).hexdigest() == found["sha256"]
    assert found["contract"] == openvino_files.contract("fp32").to_json()


def test_float32_files_are_computed_in_float32_by_whoever_runs_them(openvino_files: Floats) -> None:
    """A processor with bfloat16 would compute in it if the file did not say otherwise (pixels lose nothing in it)."""
    path = openvino_files.files["fp32"]
    compiled = ov.Core().compile_model(path, "CPU")
    facts = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
    kernels = {f["primitiveType"].astype(str) for f in facts if f["layerType"].astype(str) == "Convolution"}
    assert kernels and all(kernel.endswith("_f32") for kernel in kernels)
    session = open_session(path)
    for image in phantoms(4, seed=17):
        found = compiled(image[None, :, :, None])["probability"][0]
        np.testing.assert_allclose(found, session.predict(image).probability, rtol=0, atol=1e-6)


@pytest.mark.parametrize("precision", FLOATS)
def test_model_api_classifies_with_the_files_own_labels(openvino_files: Floats, precision: str) -> None:
    """OpenVINO Model API knows nothing of EdgeFrac; it reads ``model_info``."""
    pytest.importorskip("model_api")
    from model_api.adapters import OpenvinoAdapter
    from model_api.models import Model

    path = openvino_files.files[precision]
    exact = {"INFERENCE_PRECISION_HINT": "f32"} if precision == "fp16" else {}
    adapter = OpenvinoAdapter(ov.Core(), str(path), device="CPU", plugin_config=exact)
    model = Model.create_model(adapter, configuration={"topk": 2})
    assert type(model).__name__ == "ClassificationModel"
    session, answers = open_session(path), []
    for image in phantoms(6, seed=12):
        labels = {label.name: float(label.confidence) for label in model(image[:, :, None]).top_labels}
        probability = float(session.predict(image).probability[0])
        assert labels == pytest.approx({"no_fracture": 1 - probability, "fracture": probability}, abs=1e-5)
        answers.append(labels["fracture"] > 0.5)
    assert len(set(answers)) == 2, "one answer for all images proves nothing"


def test_model_info_of_a_task_with_one_class_of_many(openvino_files: Floats) -> None:
    region = openvino_files.contract("fp32").tasks[1]
    only = openvino_files.contract("fp32").model_copy(update={"tasks": (region,)})
    assert model_info(only)["labels"] == "not_hand hand"
    task = Task(**{**only.tasks[0].model_dump(), "kind": "binary", "classes": ("a b", "c"), "bias": (0.0,)})
    assert model_info(only.model_copy(update={"tasks": (task,)}))["labels"] == "a_b c"


def test_a_strangers_file_has_no_contract(tmp_path: Path) -> None:
    path = tmp_path / "foreign.xml"
    ov.save_model(openvino_model.graph(), path)
    with pytest.raises(ModelFileError, match="without EdgeFrac's contract") as caught:
        open_session(path)
    assert "--target openvino" in caught.value.hint


def test_the_weights_of_another_file_are_refused(openvino_files: Floats, tmp_path: Path) -> None:
    path = tmp_path / "mixed.xml"
    path.write_bytes(openvino_files.files["fp32"].read_bytes())
    with pytest.raises(ModelFileError, match=r"mixed\.bin: cannot be read"):
        open_session(path)
    path.with_suffix(".bin").write_bytes(openvino_files.files["fp16"].with_suffix(".bin").read_bytes())
    with pytest.raises(ModelFileError, match=r"mixed\.bin: damaged, or not the weights of mixed\.xml"):
        open_session(path)


def test_a_document_type_is_refused(tmp_path: Path) -> None:
    """Its entities could make a small file fill the memory."""
    from edgefrac.targets import openvino_metadata

    good = openvino_model.build(tmp_path / "good.xml")
    xml = good.read_bytes().replace(b"<net ", b'<!DOCTYPE net [<!ENTITY a "b">]><net ', 1)
    bad = tmp_path / "bad.xml"
    bad.write_bytes(openvino_metadata.seal(xml, b""))
    with pytest.raises(ModelFileError, match=r"bad\.xml: not an OpenVINO file"):
        read_contract(bad)


def test_a_graph_without_a_promised_output(tmp_path: Path) -> None:
    contract = openvino_model.contract()
    model = openvino_model.graph()
    model.outputs[0].set_names({"something else"})
    with pytest.raises(ConversionError, match="no output 'evidence'"):
        save(model, contract, tmp_path / "model.xml")
    assert list(tmp_path.iterdir()) == []
