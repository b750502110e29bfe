"""Files of ONNX Runtime's own format: the kernels and codes of the ONNX file it is made from, in one order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

from edgefrac.errors import ConversionError, ModelFileError  # noqa: E402
from edgefrac.models.exportable import from_checkpoint, identify  # noqa: E402
from edgefrac.models.folding import fold  # noqa: E402
from edgefrac.runtimes.ort import placement  # noqa: E402
from edgefrac.runtimes.session import ModelKind, model_kind, open_session  # noqa: E402
from edgefrac.targets import ort_convert  # noqa: E402
from edgefrac.targets.flat_table import Table  # noqa: E402
from edgefrac.targets.ort_metadata import MODEL, read_contract  # noqa: E402
from edgefrac.targets.registry import find  # noqa: E402
from tests.models.networks import info, lively, phantoms  # noqa: E402
from tests.quantization.integer_networks import integer_network  # noqa: E402
from tests.targets.conftest import Floats  # noqa: E402

SIZE = 96


@pytest.fixture(scope="module", params=["micro", "mobilenetv2", "resnet18"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An int8 ONNX file of the exact plan, and the ORT file."""
    integers = integer_network(request.param, SIZE)
    header = info(architecture=request.param, input_size=SIZE)
    network = fold(lively(request.param, phantoms(8, seed=3, size=SIZE)))
    contract = from_checkpoint(network, header).contract("int8", identify(header, "0" * 64), "phantoms")
    folder = tmp_path_factory.mktemp("ort")
    for name in ("onnx", "ort"):
        find(name).write_integers(integers, contract, folder / f"model.{name}")
    return folder / "model.onnx", folder / "model.ort"


def test_every_code_is_that_of_the_onnx_file(pair: tuple[Path, Path]) -> None:
    there, here = (open_session(path) for path in pair)
    assert here.contract == there.contract and here.contract.precision == "int8"
    seen = set()
    for image in phantoms(6, seed=77, size=SIZE):
        expected, found = there.predict(image), here.predict(image)
        np.testing.assert_array_equal(found.evidence, expected.evidence)
        np.testing.assert_array_equal(found.probability, expected.probability)
        seen |= set(np.unique(np.asarray(found.evidence)))
    assert len(seen) > 20


def test_its_layers_are_those_that_the_runtime_makes_of_the_onnx_file(pair: tuple[Path, Path]) -> None:
    there, here = (placement(path)["types"] for path in pair)
    assert here["QLinearConv:uint8"] == there["QLinearConv:uint8"] > 3
    assert not any(name.startswith(("Conv:", "QuantizeLinear:float")) for name in here)


def test_the_kind_is_told_by_content(pair: tuple[Path, Path], tmp_path: Path) -> None:
    renamed = tmp_path / "renamed.onnx"
    renamed.write_bytes(pair[1].read_bytes())
    assert model_kind(renamed) is ModelKind.ORT
    assert open_session(renamed).contract == read_contract(pair[1])


def test_the_runtime_alone_shows_the_same_metadata(pair: tuple[Path, Path]) -> None:
    """But for the seal, which is each file's own."""
    there, here = (
        dict(
            ort.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
            .get_modelmeta()
            .custom_metadata_map
        )
        for path in pair
    )
    assert there.pop("edgefrac.sha256") != here.pop("edgefrac.sha256")
    assert there == here and set(here) == {"edgefrac.contract", "labels", "model_author", "model_license"}


def test_float16_kernels_stay_float16(ort_files: Floats) -> None:
    graph = Table.root(ort_files.files["fp16"].read_bytes()).table(MODEL).table(7)
    kinds = [tensor.u32(3) for tensor in graph.tables(0)]
    assert kinds.count(onnx.TensorProto.FLOAT16) == 12


def test_what_the_runtime_writes_in_any_order_is_put_in_one(tiny_onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's list of operators lies in a hash table that it salts anew each time."""
    written: list[bytes] = []

    def kept(data: bytes) -> bytes:
        written.append(data)
        return ordered(data)

    ordered = ort_convert.ordered
    monkeypatch.setattr(ort_convert, "ordered", kept)
    made = {ort_convert.to_ort(tiny_onnx.read_bytes()) for _ in range(8)}
    assert len(made) == 1 and len(set(written)) > 1
    before, after = (ort_convert._resolver(Table.root(data)) for data in (written[0], made.pop()))
    assert before == after and list(after) == sorted(after) and b":Sigmoid:13" in after


def test_a_file_without_contract(tmp_path: Path) -> None:
    from tests import onnx_model

    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "foreign.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(onnx_model.graph().SerializeToString(), options, providers=["CPUExecutionProvider"])
    with pytest.raises(ModelFileError, match=r"foreign\.ort: an ORT file without EdgeFrac's contract") as caught:
        open_session(tmp_path / "foreign.ort")
    assert "--target ort" in caught.value.hint


def test_what_the_runtime_cannot_convert(tiny_onnx: Path) -> None:
    with pytest.raises(ConversionError, match="ORT: the network cannot be converted") as caught:
        ort_convert.to_ort(tiny_onnx.read_bytes()[:-40])
    assert "\n" not in str(caught.value)
