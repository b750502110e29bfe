"""``kill -9`` in short: the benchmark's checks with few kills, and that they notice what is broken."""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path

import pytest

if missing := [name for name in ("lightning", "litert_torch", "optuna") if find_spec(name) is None]:
    pytest.skip(f"not installed: {', '.join(missing)}", allow_module_level=True)

from benchmarks.reliability import folders, kills
from benchmarks.reliability.killing import Killed, kill_after


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    kills.prepare(folder, epochs=2, trials=1)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "export", "bench"])
def test_nothing_is_broken_and_nothing_is_lost(command: str, work: Path) -> None:
    found = kills.KILLERS[command](work, 2, random.Random(3), lambda: None)
    assert found.kills == 2 and found.faults == []


@pytest.mark.slow
def test_no_trial_of_a_sweep_is_done_twice(work: Path) -> None:
    found = kills.KILLERS["sweep"](work, 1, random.Random(3), lambda: None)
    assert found.kills == 1 and found.faults == []


def test_a_kill_is_a_kill_and_an_end_is_not(tmp_path: Path) -> None:
    assert kill_after(0.2, ["sleep", "60"], tmp_path)
    assert not kill_after(60, ["true"], tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'{"half": '),
        ("a.yaml", b"a: [1"),
        ("a.safetensors", b"\x08\x00\x00\x00"),
        ("a.png", b"\x89PNG\r\n\x1a\n"),
        ("a.html", b"<html><body>half"),
        ("a.db", b"not a database at all, but long enough to be one"),
        ("plan.bin", b""),
    ],
)
def test_what_is_half_written_is_noticed(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / f".{name}.123-0.part").write_bytes(b"")
    (broken,) = folders.broken(tmp_path)
    assert broken.startswith(f"{name}: ")
    assert folders.unfinished(tmp_path) == [f".{name}.123-0.part"]


def test_what_differs_or_is_lost_is_noticed() -> None:
    found = Killed("train", kills=3)
    found.compare({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert found.faults == ["after kill 3: b", "after kill 3: c", "after kill 3: d"]
