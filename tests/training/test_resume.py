"""Training state without pickle: what goes in comes out, and a damaged file is an error."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from edgefrac.errors import CheckpointError, OutputError
from edgefrac.training.resume import SafetensorsIO
from tests.disk import full_disk

STATE: dict[str, Any] = {
    "epoch": 3,
    "rate": 1e-3,
    "exact": 0.1 + 0.2,
    "done": False,
    "nothing": None,
    "name": "Ä 'quoted' \"twice\"",
    "betas": (0.9, (0.999, ["list", (), {}])),
    "optimizer_states": [{"state": {0: {"step": torch.tensor(7.0)}, 11: {"m": torch.arange(6).reshape(2, 3)}}}],
    "mixed": {(1, "a"): True, "tensor": "a key, not a tensor", "items": [1], "tuple": None},
    "half": torch.tensor([1.5], dtype=torch.float16),
    "empty": torch.zeros(0, 3),
}


def same(a: Any, b: Any) -> bool:
    """Equality that also asks for the same types."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "state.safetensors"
    SafetensorsIO().save_checkpoint(STATE, path)
    return path


def test_everything_comes_back(state: Path) -> None:
    assert same(SafetensorsIO().load_checkpoint(state), STATE)
    assert [p.name for p in state.parent.iterdir()] == [state.name]


def test_tensors_that_share_memory_or_are_not_contiguous(tmp_path: Path) -> None:
    one = torch.arange(24.0).reshape(2, 3, 2, 2)
    given = {"a": one, "same": one, "view": one[0], "last": one.to(memory_format=torch.channels_last)}
    SafetensorsIO().save_checkpoint(given, tmp_path / "s")
    assert same(SafetensorsIO().load_checkpoint(tmp_path / "s"), given)


def test_what_is_saved_is_a_copy(tmp_path: Path) -> None:
    weight = torch.zeros(2)
    SafetensorsIO().save_checkpoint({"w": weight}, tmp_path / "s")
    loaded = SafetensorsIO().load_checkpoint(tmp_path / "s")
    weight += 1
    assert not loaded["w"].any()


@pytest.mark.parametrize("length", [0, 7, 100, 1000, -1])
def test_a_cut_file(state: Path, length: int) -> None:
    os.truncate(state, length if length >= 0 else state.stat().st_size - 1)
    with pytest.raises(CheckpointError, match="corrupt training state") as caught:
        SafetensorsIO().load_checkpoint(state)
    assert str(state) in str(caught.value) and caught.value.hint


def test_a_pickle_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.ckpt"
    torch.save(STATE, path)
    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("opened"))
    with pytest.raises(CheckpointError, match="corrupt training state"):
        SafetensorsIO().load_checkpoint(path)


def test_what_has_no_place_in_json_is_refused_before_writing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="holds a set"):
        SafetensorsIO().save_checkpoint({"a": {1, 2}}, tmp_path / "s")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "s").mkdir()
    for target in (tmp_path / "taken" / "s", tmp_path / "s"):
        with pytest.raises(OutputError, match="cannot be written"):
            SafetensorsIO().save_checkpoint(STATE, target)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["s", "taken"]


def test_a_state_of_another_version(state: Path) -> None:
    state.write_bytes(state.read_bytes().replace(b"edgefrac.training-state/1", b"edgefrac.training-state/9"))
    with pytest.raises(CheckpointError, match=r"another version of EdgeFrac \(edgefrac\.training-state/9\)") as caught:
        SafetensorsIO().load_checkpoint(state)
    assert str(state) in str(caught.value) and "--resume" in caught.value.hint


def test_on_a_full_disk_the_state_before_stays(state: Path) -> None:
    before = state.read_bytes()
    with full_disk(), pytest.raises(OutputError, match=r"state\.safetensors: cannot be written \(File too large\)"):
        SafetensorsIO().save_checkpoint({**STATE, "large": torch.zeros(4096)}, state)
    assert state.read_bytes() == before and [p.name for p in state.parent.iterdir()] == [state.name]


def test_removing_twice_is_no_error(state: Path) -> None:
    for _ in range(2):
        SafetensorsIO().remove_checkpoint(state)
    assert not state.exists()
