"""The harness itself: inputs come again from their numbers, and what a reader does to its process is seen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("imagecodecs", reason="seeds of compressed DICOM are made with the extra 'dicom'")
pytest.importorskip("nibabel", reason="NIfTI needs the extra 'dicom'")
pytest.importorskip("onnx", reason="the seeds of models are made with all targets")
pytest.importorskip("openvino", reason="the seeds of models are made with all targets")

from benchmarks.fuzzing import inputs
from benchmarks.fuzzing.campaign import Campaign, merge, new_record
from benchmarks.fuzzing.ledger import Tally
from benchmarks.fuzzing.readers import READERS
from benchmarks.fuzzing.record import Record, Row, table

REPOSITORY = Path(__file__).parents[2]


def work(tmp_path: Path, first: int, stop: int) -> tuple[dict[str, Any], Tally, list[dict[str, Any]]]:
    """A worker as ``child`` forks it: how it ended, what it counted, what it noticed."""
    command = [sys.executable, "-m", "tests.fuzzing.misbehaving", str(first), str(stop), str(tmp_path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=REPOSITORY, check=True)
    *noticed, ended = map(json.loads, done.stdout.splitlines())
    return ended["how"], Tally(**ended["tally"]), noticed


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
def test_what_a_reader_does_is_seen(tmp_path: Path) -> None:
    how, tally, (raised,) = work(tmp_path, 0, 2)
    assert (how["how"], tally.read, tally.other) == ("done", 1, 1)
    assert raised["kind"] == "exception" and raised["what"].startswith("ZeroDivisionError")
    how, tally, _ = work(tmp_path, 2, 4)
    assert (how, tally.number) == ({"how": "signal", "signal": "SIGSEGV"}, 2)
    how, tally, noticed = work(tmp_path, 3, 6)
    assert (how["how"], tally.read, tally.refused) == ("done", 2, 1)
    assert {(3, "slow"), (4, "hungry")} <= {(one["number"], one["kind"]) for one in noticed}
    assert tally.slowest in (3, 4) and tally.hungriest == 4


def test_a_reader_that_hangs_is_ended(tmp_path: Path) -> None:
    how, tally, _ = work(tmp_path, 6, 7)
    assert (how, tally.number) == ({"how": "hang"}, 6)


@pytest.mark.parametrize("name", READERS)
def test_an_input_comes_again_from_its_number(name: str) -> None:
    reader, first = READERS[name], len(inputs.seeds(READERS[name]))
    before = [inputs.make_input(reader, 3, first + n) for n in range(12)]
    assert [inputs.make_input(reader, 3, first + n) for n in reversed(range(12))] == before[::-1]
    assert len(set(before)) > 6
    assert before != [inputs.make_input(reader, 4, first + n) for n in range(12)]


def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    readers, path = [READERS["plan"]], tmp_path / "record.json"
    whole = new_record(readers, 1, 1500, 1)
    Campaign(readers, whole, path, lambda _: None).run()
    assert whole.inputs == 1500 and whole.kept and not whole.done
    assert Record.model_validate_json(path.read_bytes()) == whole
    stopped = new_record(readers, 1, 1500, 1)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Campaign(readers, stopped, path, stop).run()
    stopped = Record.model_validate_json(path.read_bytes())
    assert 0 < stopped.inputs < 1500
    Campaign(readers, stopped, path, lambda _: None).run()
    counts = [[(row.read, row.refused, row.inputs) for row in one.rows] for one in (whole, stopped)]
    assert counts[0] == counts[1]


def test_what_breaks_the_promise_and_what_does_not() -> None:
    rows = [Row(reader=name, guarded=name == "tflite", seeds_sha256="") for name in ("tflite", "png")]
    for row in rows:
        part = row.model_copy(deep=True)
        part.notice("signal", "SIGSEGV", 7)
        part.crashes["SIGSEGV"] = part.inputs = 1
        merge(row, part)
        merge(row, part)
    record = new_record([], 1, 4, 1).model_copy(update={"rows": rows})
    assert [bool(row.broken) for row in rows] == [False, True] and not record.kept
    shown = table(record)
    assert "guarded: tflite: signal: SIGSEGV (2 inputs, such as [7, 7])" in shown
    assert "BROKEN: png: signal: SIGSEGV" in shown and shown.endswith("is broken")
    rows[0].notice("exception", "KeyError", 8)
    assert rows[0].broken
