"""A run: the inputs of every reader, dealt in ranges to processes; what a process dies of is noted, and it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

from benchmarks.fuzzing.inputs import make_input, seeds_sha256
from benchmarks.fuzzing.ledger import Ledger
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.record import Record, Row
from edgefrac.benchmarking.host import host, now

_FOUND = Path(__file__).parents[2] / "build" / "fuzzing" / "findings"
_RANGE = 1000
_MEMORY = Path("/dev/shm")  # a disk would be timed along with the readers
Advance = Callable[[int], None]


def shares(readers: Sequence[Reader], count: int) -> dict[str, int]:
    """How many inputs each reader gets, by its weight; ``count`` in all."""
    weights = list(accumulate(reader.weight for reader in readers))
    ends = [round(count * weight / weights[-1]) for weight in weights]
    return {reader.name: end - begin for reader, begin, end in zip(readers, [0, *ends], ends, strict=False)}


def new_record(readers: Sequence[Reader], seed: int, count: int, processes: int) -> Record:
    """With nothing done."""
    moment = now()
    rows = [Row(reader=r.name, guarded=r.guarded, seeds_sha256=seeds_sha256(r)) for r in readers]
    return Record(seed=seed, count=count, processes=processes, host=host(moment, moment), rows=rows)


class Campaign:
    """Runs what ``record`` lacks, and saves it to ``path`` after every range, so that it can be gone on with."""

    def __init__(self, readers: Sequence[Reader], record: Record, path: Path, advance: Advance) -> None:
        self._readers = {reader.name: reader for reader in readers}
        self._rows = {row.reader: row for row in record.rows}
        self._record, self._path, self._advance = record, path, advance
        self._lock = threading.Lock()
        self._before, self._started = record.seconds, time.monotonic()
        wanted = shares(readers, record.count)
        done = set(record.done)
        # runtimes first: what takes longest should not be left to one process at the end
        ordered = sorted(readers, key=lambda reader: not reader.guarded)
        self._left = [
            (reader.name, first, min(first + _RANGE, wanted[reader.name]))
            for reader in ordered
            for first in range(0, wanted[reader.name], _RANGE)
            if (reader.name, first) not in done
        ]
        self._failed: list[BaseException] = []

    def run(self) -> None:
        """Until all is done."""
        threads = [threading.Thread(target=self._drive) for _ in range(self._record.processes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failed:
            raise self._failed[0]
        self._record.done = []
        self._save()

    def _drive(self) -> None:
        driver: Driver | None = None
        try:
            while (part := self._take()) and not self._failed:
                name, first, stop = part
                if driver is None or driver.reader.name != name:
                    if driver:
                        driver.close()
                    driver = Driver(self._readers[name], self._record.seed)
                row = Row(reader=name, guarded=driver.reader.guarded, seeds_sha256="")
                driver.run(first, stop, row)
                self._finish(name, first, stop, row)
        except BaseException as error:
            self._failed.append(error)
        finally:
            if driver:
                driver.close()

    def _take(self) -> tuple[str, int, int] | None:
        with self._lock:
            return self._left.pop(0) if self._left else None

    def _finish(self, name: str, first: int, stop: int, part: Row) -> None:
        with self._lock:
            merge(self._rows[name], part)
            self._record.done.append((name, first))
            self._save()
            self._advance(stop - first)

    def _save(self) -> None:
        self._record.seconds = round(self._before + time.monotonic() - self._started, 1)
        self._record.save(self._path)


def merge(row: Row, part: Row) -> None:
    """Add what was done in a range."""
    for name in ("inputs", "read", "refused", "other", "hangs"):
        setattr(row, name, getattr(row, name) + getattr(part, name))
    row.seconds = round(row.seconds + part.seconds, 3)
    for signal, times in part.crashes.items():
        row.crashes[signal] = row.crashes.get(signal, 0) + times
    if part.slowest_ms > row.slowest_ms:
        row.slowest_ms, row.slowest = part.slowest_ms, part.slowest
    if part.peak_mb > row.peak_mb:
        row.peak_mb, row.hungriest = part.peak_mb, part.hungriest
    for one in part.noticed:
        for number in one.numbers:
            row.notice(one.kind, one.what, number)
        known = next(known for known in row.noticed if (known.kind, known.what) == (one.kind, one.what))
        known.inputs += one.inputs - len(one.numbers)


class Driver:
    """One ``child`` process, from this side."""

    def __init__(self, reader: Reader, seed: int) -> None:
        self.reader, self._seed = reader, seed
        self._folder = tempfile.TemporaryDirectory(
            prefix="edgefrac-fuzzing-", dir=_MEMORY if _MEMORY.is_dir() else None
        )
        path = Path(self._folder.name) / "ledger"
        self._ledger = Ledger(path)
        command = [sys.executable, "-P", "-m", "benchmarks.fuzzing.child", reader.name, str(seed), str(path)]
        repository = str(Path(__file__).parents[2])
        places = os.pathsep.join(filter(None, (repository, os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": places, "TMPDIR": self._folder.name}
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
        )

    def run(self, first: int, stop: int, row: Row) -> None:
        """All inputs of a range; whatever happens is counted in ``row``."""
        again = -1  # an input that was stopped once, perhaps because the machine was busy
        while first < stop:
            how = self._ask(first, first + 1 if again == first else stop, row)
            tally = self._ledger.read()
            row.add(tally)
            if how["how"] == "done":
                first = tally.number + 1
            elif how["how"] == "hang" and again != tally.number:
                first = again = tally.number
            else:
                self._died(how, tally.number, row)
                first = tally.number + 1

    def close(self) -> None:
        """End the process."""
        with suppress(OSError):
            assert self._child.stdin
            self._child.stdin.close()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._folder.cleanup()

    def _ask(self, first: int, stop: int, row: Row) -> dict[str, Any]:
        assert self._child.stdin and self._child.stdout
        print(f"{first} {stop}", file=self._child.stdin, flush=True)
        for line in self._child.stdout:
            said = json.loads(line)
            if "fault" in said:
                raise RuntimeError(f"{self.reader.name}: no input {said['number']} can be made: {said['fault']}")
            if "ended" in said:
                return dict(said["ended"])
            self._notice(row, said["kind"], said["what"], said["number"])
        raise RuntimeError(f"{self.reader.name}: the child process is gone, around input {first}")

    def _died(self, how: dict[str, Any], number: int, row: Row) -> None:
        row.inputs += 1
        if how["how"] == "hang":
            row.hangs += 1
            self._notice(row, "hang", "stopped", number)
        elif how["how"] == "hungry":
            self._notice(row, "hungry", "stopped", number)
        else:
            what = str(how.get("signal") or f"exit {how['status']}")
            row.crashes[what] = row.crashes.get(what, 0) + 1
            self._notice(row, "signal" if "signal" in how else "exit", what, number)

    def _notice(self, row: Row, kind: Any, what: str, number: int) -> None:
        if row.notice(kind, what, number):
            folder = _FOUND / self.reader.name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{kind}-{self._seed}-{number}").write_bytes(make_input(self.reader, self._seed, number))
