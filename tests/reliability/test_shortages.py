"""Full disks, folders that cannot be written and too little memory: the benchmark in short, and what it looks for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.reliability.outcome import Outcome, little_memory
from benchmarks.reliability.scarce_room import from_the_start, while_images_come
from benchmarks.reliability.shortages import full_disk, strike, under

Strike = Callable[[Path, Path, int], Iterator[Outcome]]


def test_writing_phantoms(tmp_path: Path) -> None:
    outcomes = list(strike("data phantom", tmp_path, 2))
    assert [outcome.faults for outcome in outcomes] == [()] * len(outcomes)
    ended = {outcome.shortage: outcome.status for outcome in outcomes}
    assert ended["disk full after 0 bytes"] == 2 and ended["3000 MiB of memory"] == 0
    assert "cannot be written (File too large)" in next(o.said for o in outcomes if "full after 0" in o.shortage)


def test_half_files_and_missing_words_are_noticed(tmp_path: Path) -> None:
    out = tmp_path / "out" / "phantoms"
    out.mkdir(parents=True)
    (out / "phantoms.json").write_text("{")
    (out / ".x.1-0.part").write_text("")
    outcome = under("disk full", full_disk(0), "data phantom", tmp_path, ())
    assert outcome.status == 2 and len(outcome.faults) == 2
    (dead,) = under("nothing", None, "data phantom", tmp_path, ("sh", "-c", "exit 5", "sh")).faults[2:3]
    assert dead == "status 5"


@pytest.mark.parametrize("strike", [from_the_start, while_images_come])
def test_the_reading_room(strike: Strike, tiny_tflite: Path, tmp_path: Path) -> None:
    outcomes = list(strike(tiny_tflite, tmp_path, 2))
    assert [outcome.faults for outcome in outcomes] == [(), ()]
    scarce, enough = outcomes
    assert enough.status == 0 and enough.said in ("ready", "13 acknowledged")
    assert "not enough memory for edgefrac serve" in scarce.said or "connection broken" in scarce.said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "shortage", "cause", "next_step"),
    [
        ("train", full_disk(2000), "cannot be written", "--resume"),
        ("train", full_disk(60_000), "cannot be written", "--resume"),
        ("export", full_disk(30_000), "cannot be written", "no bundle was changed"),
        ("train", little_memory(250), "not enough memory for edgefrac train", "batch_size"),
        ("export", little_memory(250), "not enough memory for edgefrac export", "one target at a time"),
    ],
)
def test_long_commands(
    command: str, shortage: Callable[[], None], cause: str, next_step: str, toy: Path, tmp_path: Path
) -> None:
    work = shutil.copytree(toy, tmp_path / "work", ignore=shutil.ignore_patterns("out"))  # of other tests
    (work / "out").mkdir()
    outcome = under("short", shortage, command, work, ())
    assert outcome.status == 2 and outcome.faults == ()
    assert cause in outcome.said and next_step in outcome.said
