"""``kill -9`` in short: the benchmark's checks with few kills, and that they notice what is broken."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.reliability import folders
from benchmarks.reliability.killing import Killed, kill_after


@pytest.mark.slow
@pytest.mark.parametrize(("command", "kills"), [("train", 2), ("export", 2), ("bench", 1), ("sweep", 1)])
def test_nothing_is_broken_lost_or_done_twice(command: str, kills: int, toy: Path) -> None:
    from benchmarks.reliability.kills import KILLERS

    found = KILLERS[command](toy, kills, random.Random(3), lambda: None)
    assert found.kills == kills and found.faults == []


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
