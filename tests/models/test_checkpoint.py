"""Checkpoints come back as they were, and a bad one is an error that names the file."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from edgefrac.digest import file_sha256
from edgefrac.errors import CheckpointError, OutputError
from edgefrac.models.checkpoint import load_checkpoint, read_info, save_checkpoint
from edgefrac.models.network import FRACTURE, FractureNet
from tests.disk import full_disk
from tests.models.networks import REGION, info, talkative


@pytest.fixture(scope="module")
def network() -> FractureNet:
    return talkative((FRACTURE, REGION))


@pytest.fixture
def checkpoint(tmp_path: Path, network: FractureNet) -> Path:
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, network, info((FRACTURE, REGION)))
    return path


def weights(network: FractureNet) -> dict[str, torch.Tensor]:
    return {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}


def test_float32_comes_back_as_it_was(checkpoint: Path, network: FractureNet) -> None:
    loaded, header = load_checkpoint(checkpoint)
    assert header == read_info(checkpoint) == info((FRACTURE, REGION))
    assert loaded.tasks == (FRACTURE, REGION) and not loaded.training
    for name, value in weights(loaded).items():
        assert torch.equal(value, weights(network)[name]), name


def test_half_rounds_convolutions_and_nothing_else(tmp_path: Path, network: FractureNet) -> None:
    path = tmp_path / "half.safetensors"
    save_checkpoint(path, network, info((FRACTURE, REGION)), half=True)
    loaded, _ = load_checkpoint(path)
    for name, value in weights(loaded).items():
        original = weights(network)[name]
        assert value.dtype == torch.float32
        assert torch.equal(value, original.half().float() if original.ndim > 1 else original), name
    stored = load_file(path)
    assert {v.dtype for v in stored.values() if v.ndim > 1} == {torch.float16}


def test_a_second_write_replaces_the_first(checkpoint: Path, network: FractureNet) -> None:
    before = file_sha256(checkpoint)
    save_checkpoint(checkpoint, network, info((FRACTURE, REGION), version="1"))
    assert file_sha256(checkpoint) != before and read_info(checkpoint).version == "1"
    assert [p.name for p in checkpoint.parent.iterdir()] == [checkpoint.name]


class Bomb:
    """Leaves a mark if it is ever unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (os.environ["BOMB"],)


def _other_architecture(path: Path) -> None:
    save_file(load_file(path), path, metadata={"edgefrac": info(architecture="efficientnet-lite0").model_dump_json()})


def _unknown_architecture(path: Path) -> None:
    save_file(load_file(path), path, metadata={"edgefrac": info(architecture="resnet-9000").model_dump_json()})


def _other_tasks(path: Path) -> None:
    save_file(load_file(path), path, metadata={"edgefrac": info((REGION,)).model_dump_json()})


def _nan(path: Path) -> None:
    header, tensors = read_info(path), load_file(path)
    tensors["head.conv.weight"][0, 3] = np.nan
    save_file(tensors, path, metadata={"edgefrac": header.model_dump_json()})


def _other_version(path: Path) -> None:
    header = {**json.loads(read_info(path).model_dump_json()), "format": "edgefrac.checkpoint/9"}
    save_file(load_file(path), path, metadata={"edgefrac": json.dumps(header)})


def _no_temperature(path: Path) -> None:
    header = json.loads(read_info(path).model_dump_json())
    header["tasks"][0]["temperature"] = 0.0
    save_file(load_file(path), path, metadata={"edgefrac": json.dumps(header)})


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "empty file"),
    "noise": (lambda p: p.write_bytes(np.random.default_rng(0).bytes(5000)), "corrupt or cut-short"),
    "text": (lambda p: p.write_text("these are no weights at all"), "corrupt or cut-short"),
    "cut in the header": (lambda p: os.truncate(p, 1000), "corrupt or cut-short"),
    "cut in the weights": (lambda p: os.truncate(p, p.stat().st_size - 1), "corrupt or cut-short"),
    "torch archive": (lambda p: torch.save({"bomb": Bomb()}, p), "a pickle or torch archive"),
    "torch legacy": (
        lambda p: torch.save({"bomb": Bomb()}, p, _use_new_zipfile_serialization=False),
        "a pickle or torch archive",
    ),
    "pickle": (lambda p: p.write_bytes(pickle.dumps(Bomb())), "a pickle or torch archive"),
    "pickle, protocol 0": (lambda p: p.write_bytes(pickle.dumps(Bomb(), protocol=0)), "corrupt or cut-short"),
    "no header": (lambda p: save_file(load_file(p), p), "without EdgeFrac's header"),
    "foreign header": (lambda p: save_file(load_file(p), p, {"edgefrac": "[1]"}), "not edgefrac.checkpoint/1"),
    "no JSON in the header": (lambda p: save_file(load_file(p), p, {"edgefrac": "{"}), "not edgefrac.checkpoint/1"),
    "other version": (_other_version, "not edgefrac.checkpoint/1"),
    "temperature 0": (_no_temperature, "not edgefrac.checkpoint/1"),
    "other architecture": (_other_architecture, "do not fit architecture 'efficientnet-lite0'"),
    "unknown architecture": (_unknown_architecture, "unknown backbone 'resnet-9000'"),
    "other tasks": (_other_tasks, "do not fit"),
    "NaN": (_nan, "head.conv.weight holds NaN"),
    "absent": (lambda p: p.unlink(), "cannot be read"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_bad_file_is_named_and_nothing_in_it_runs(
    damage: str, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = checkpoint.parent / "exploded"
    monkeypatch.setenv("BOMB", str(mark))
    spoil, cause = DAMAGE[damage]
    spoil(checkpoint)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(checkpoint)
    assert str(caught.value).startswith(f"{checkpoint}: ") and cause in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_a_header_whose_length_looks_like_a_pickle_is_none(checkpoint: Path, network: FractureNet) -> None:
    """A safetensors file starts with its header's length, and that may be any number: 0x4B50 reads 'PK'."""
    for unwanted in (0x4B50, 0x2480):
        length = int.from_bytes(checkpoint.read_bytes()[:8], "little")
        padding = "x" * (unwanted % 0x10000 + (0 if unwanted > length else 0x10000) - length)
        path = checkpoint.with_name(f"{unwanted}.safetensors")
        save_checkpoint(path, network, info((FRACTURE, REGION), source_commit=padding))
        assert path.read_bytes()[:2] == unwanted.to_bytes(2, "little")
        assert load_checkpoint(path)[1].source_commit == padding


def test_on_a_full_disk_the_old_file_stays(checkpoint: Path, network: FractureNet) -> None:
    before = checkpoint.read_bytes()
    with full_disk(), pytest.raises(OutputError, match="cannot be written") as caught:
        save_checkpoint(checkpoint, network, info((FRACTURE, REGION), version="2"))
    assert str(checkpoint) in str(caught.value) and caught.value.hint
    assert checkpoint.read_bytes() == before
    assert [p.name for p in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_a_folder_where_the_file_should_be(tmp_path: Path, network: FractureNet) -> None:
    (tmp_path / "net.safetensors").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        save_checkpoint(tmp_path / "net.safetensors", network, info((FRACTURE, REGION)))
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_a_file_where_the_folder_should_be(tmp_path: Path, network: FractureNet) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="cannot be written"):
        save_checkpoint(tmp_path / "taken" / "net.safetensors", network, info((FRACTURE, REGION)))
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


def test_it_is_read_by_whom_the_umask_lets_read(tmp_path: Path, network: FractureNet) -> None:
    before = os.umask(0o027)
    try:
        save_checkpoint(tmp_path / "net.safetensors", network, info((FRACTURE, REGION)))
    finally:
        os.umask(before)
    assert (tmp_path / "net.safetensors").stat().st_mode & 0o777 == 0o640
