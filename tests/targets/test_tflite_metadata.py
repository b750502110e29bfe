"""What is written beside the graph: readable by strangers, and no damage goes unnoticed."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgefrac.contract import Contract, Input, Output, Task, TrainingData
from edgefrac.errors import ModelFileError
from edgefrac.runtimes.session import open_session
from edgefrac.targets.tflite_metadata import channel_labels, read_contract, seal, standard_metadata
from tests import tflite_model
from tests.targets.conftest import PRECISIONS, Exported
from tests.targets.flatbuffer import Table, metadata


@pytest.fixture
def path(exported: Exported, tmp_path: Path) -> Path:
    """A copy to spoil."""
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(exported.files["int8"].read_bytes())
    return copy


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_contract_comes_back(exported: Exported, precision: str) -> None:
    path = exported.files[precision]
    expected = exported.contract(precision)  # type: ignore[arg-type]
    assert read_contract(path) == expected
    assert metadata(path.read_bytes(), "edgefrac.contract") == expected.to_json().encode()


def test_the_digest_is_that_of_the_file_without_it(exported: Exported) -> None:
    data = exported.files["fp32"].read_bytes()
    digest = metadata(data, "edgefrac.sha256")
    assert data.count(digest) == 1
    assert hashlib.sha256(data.replace(digest, bytes(32))).digest() == digest


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_zip_reader_finds_the_labels(exported: Exported, precision: str) -> None:
    with zipfile.ZipFile(exported.files[precision]) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["labels.txt"]
        assert archive.read("labels.txt") == b"fracture\n"


def test_standard_metadata_by_its_published_schema(exported: Exported) -> None:
    """Slot numbers from tflite-support's metadata_schema.fbs, version 1."""
    standard = metadata(exported.files["int8"].read_bytes(), "TFLITE_METADATA")
    assert standard[4:8] == b"M001"
    root = Table.root(standard)
    assert [root.text(slot) for slot in (0, 2, 4, 5, 7)] == ["talkative", "0", "EdgeFrac", "CC0-1.0", "1.0.0"]
    assert "not a medical device" in root.text(1) and "nobody" in root.text(1)
    (subgraph,) = root.tables(3)
    (image,) = subgraph.tables(2)
    assert image.text(0) == "image" and "edgefrac.preprocess/1" in image.text(1)
    content = image.table(3)
    assert content.byte(0) == 2, "content is not ImageProperties"
    assert content.table(1).byte(0) == 2, "colour space is not GRAYSCALE"
    probability, evidence = subgraph.tables(3)
    assert (probability.text(0), evidence.text(0)) == ("probability", "evidence")
    (labels,) = probability.tables(6)
    assert labels.text(0) == "labels.txt" and labels.byte(2) == 2, "not TENSOR_AXIS_LABELS"
    assert evidence.tables(6) == []


def test_labels_and_outputs_of_several_tasks_in_the_files_order() -> None:
    tasks = (
        Task(
            name="fracture",
            kind="binary",
            classes=("no", "yes"),
            bias=(0,),
            temperature=1,
            threshold=0.5,
            threshold_rule="",
        ),
        Task(
            name="region",
            kind="multilabel",
            classes=("hand", "leg"),
            first_channel=1,
            bias=(0, 0),
            temperature=1,
            threshold=0.5,
            threshold_rule="",
        ),
    )
    contract = Contract(
        name="n",
        version="1",
        source_commit="",
        checkpoint_sha256="",
        architecture="",
        precision="fp32",
        input=Input(shape=(1, 32, 32, 1)),
        outputs=(
            Output(name="probability", shape=(1, 3), index=1),
            Output(name="evidence", shape=(1, 2, 2, 3), index=0),
        ),
        tasks=tasks,
        training_data=TrainingData(names=(), licence="", attribution=""),
    )
    assert channel_labels(contract) == ["yes", "hand", "leg"]
    (subgraph,) = Table.root(standard_metadata(contract)).tables(3)
    assert [output.text(0) for output in subgraph.tables(3)] == ["evidence", "probability"]


def test_any_changed_byte_is_noticed(path: Path) -> None:
    """The places that steer the reader (head, tables, digest, zip) and 200 others."""
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    digest = good.index(metadata(good, "edgefrac.sha256"))
    places = {*range(64), *range(digest, digest + 32), *range(len(good) - 22, len(good))}
    places |= {int(n) for n in rng.integers(0, len(good), 200)}
    for place in sorted(places):
        bad = bytearray(good)
        bad[place] ^= int(rng.integers(1, 256))
        path.write_bytes(bad)
        with pytest.raises(ModelFileError) as caught:
            read_contract(path)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value), place


def test_every_byte_of_the_tables_is_noticed_at_its_worst_values(path: Path) -> None:
    """Offsets that point before, behind and far beyond the file."""
    good = path.read_bytes()
    contract = good.index(b'{"architecture"')
    tables = sorted({*range(0, 64), *range(contract - 64, contract), *range(len(good) - 1500, len(good), 7)})
    for place in tables:
        for value in (0x00, 0x7F, 0xFF):
            if good[place] != value:
                path.write_bytes(good[:place] + bytes([value]) + good[place + 1 :])
                with pytest.raises(ModelFileError):
                    read_contract(path)


def test_a_file_cut_anywhere_is_noticed(path: Path) -> None:
    good = path.read_bytes()
    lengths = {*range(40), *np.random.default_rng(1).integers(0, len(good), 60).tolist(), len(good) - 1, len(good) - 22}
    for length in sorted(lengths):
        path.write_bytes(good[:length])
        with pytest.raises(ModelFileError) as caught:
            read_contract(path)
        assert str(path) in str(caught.value), length


def test_added_bytes_are_noticed(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ModelFileError, match="damaged"):
        read_contract(path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "no TFL3 identifier"), (b"\x89PNG\r\n\x1a\n", "no TFL3"), (b"\x18\0\0\0TFL3", "not a TFLite file")],
)
def test_another_kind_of_file(path: Path, content: bytes, cause: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=cause):
        read_contract(path)


def test_a_strangers_file_has_no_contract(path: Path) -> None:
    path.write_bytes(tflite_model.build(None))
    with pytest.raises(ModelFileError, match="without EdgeFrac's contract") as caught:
        read_contract(path)
    assert "edgefrac export" in caught.value.hint


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"absent\.tflite: cannot be read"):
        read_contract(tmp_path / "absent.tflite")


def test_weights_in_other_files_are_refused_before_the_runtime_looks_for_them(tmp_path: Path) -> None:
    """LiteRT's schema has groups of buffers by the names of their files, as ONNX has external data."""
    model = schema.ModelT.InitFromPackedBuf(tflite_model.build(tflite_model.contract()), 0)
    group = schema.ExternalBufferGroupT()
    group.name = "../../etc/passwd"
    model.externalBufferGroups = [group]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "elsewhere.tflite"
    path.write_bytes(seal(bytes(builder.Output())))
    with pytest.raises(ModelFileError, match=r"elsewhere\.tflite: some of its weights lie in other files"):
        open_session(path)
