"""A process that runs inputs of one reader, and replaces itself when one of them kills it.

    python -m benchmarks.fuzzing.child READER SEED LEDGER

It imports what the reader needs, then forks a worker for each range of inputs that it is told on standard input
("FIRST STOP", a line), and watches over it. Standard output gets JSON lines: what a worker noticed, and how it ended.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from benchmarks.fuzzing.inputs import AS_THEY_ARE, make_input, seeds
from benchmarks.fuzzing.ledger import Ledger, Tally
from benchmarks.fuzzing.limits import ENDED_ABOVE_MEGABYTES, ENDED_AFTER_SECONDS, MEGABYTES, SECONDS
from benchmarks.fuzzing.reader import Reader
from benchmarks.fuzzing.readers import READERS
from edgefrac.errors import EdgeFracError
from edgefrac.workers.limits import data_bytes

_LOOK_EVERY = 0.02  # seconds
_PAGE_KB = resource.getpagesize() >> 10


def main(name: str, seed: str, ledger: str) -> None:
    """Serve ranges until standard input ends."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    # native libraries print where they like, and must not print into the lines
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (1, 2):
        os.dup2(null, standard)
    reader, shared = READERS[name], Ledger(Path(ledger))
    for module in reader.modules:
        importlib.import_module(module)
    if not reader.guarded:  # what a runtime starts, its threads above all, does not live through a fork
        _warm_up(reader)
    for line in sys.stdin:
        first, stop = map(int, line.split())
        shared.write(Tally(number=first - 1))
        if (worker := os.fork()) == 0:
            _work(reader, int(seed), range(first, stop), shared, out)
            os._exit(0)
        print(json.dumps({"ended": _watch(worker, shared)}), file=out)


def _warm_up(reader: Reader) -> None:
    """So that imports and first times are in no figure."""
    for name, data in seeds(reader).items():
        if not name.startswith(AS_THEY_ARE):
            _run(reader, data)


def _run(reader: Reader, data: bytes) -> BaseException | None:
    try:
        reader.read(data)
    except BaseException as error:  # whatever it is, it is what this is about
        return error
    return None


def _work(reader: Reader, seed: int, numbers: range, ledger: Ledger, out: IO[str]) -> None:
    if reader.guarded:
        _warm_up(reader)
        _limit_memory()
    tally = Tally()
    for number in numbers:
        try:
            data = make_input(reader, seed, number)
        except Exception:  # a mutator's fault, not the reader's
            print(json.dumps({"number": number, "fault": traceback.format_exc()}), file=out)
            return
        error, seconds, kilobytes = _measured(reader, data, number, tally, ledger)
        if seconds > SECONDS:
            seconds = min(seconds, *(_measured(reader, data, number, tally, ledger)[1] for _ in range(2)))
        _count(tally, number, error, seconds, kilobytes)
        ledger.write(tally)
        for kind, what in _noticed(error, seconds, kilobytes):
            print(json.dumps({"number": number, "kind": kind, "what": what}), file=out)


def _count(tally: Tally, number: int, error: BaseException | None, seconds: float, kilobytes: int) -> None:
    if error is None:
        tally.read += 1
    elif isinstance(error, EdgeFracError):
        tally.refused += 1
    else:
        tally.other += 1
    tally.spent_us += int(seconds * 1e6)
    if seconds * 1e6 > tally.slowest_us:
        tally.slowest, tally.slowest_us = number, int(seconds * 1e6)
    if kilobytes > tally.peak_kb:
        tally.hungriest, tally.peak_kb = number, kilobytes


def _noticed(error: BaseException | None, seconds: float, kilobytes: int) -> Iterator[tuple[str, str]]:
    """What breaks the promise: its kind, and words that are the same for the same cause."""
    if error is not None and not isinstance(error, EdgeFracError):
        yield "exception", f"{type(error).__name__} {_where(error)}"
    if seconds > SECONDS:
        yield "slow", f"longer than {SECONDS:g} s"
    if kilobytes > MEGABYTES << 10:
        yield "hungry", f"more than {MEGABYTES} MB"


def _where(error: BaseException) -> str:
    """The last place in EdgeFrac that an exception came through, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/edgefrac/" in frame.filename]
    places = [f"{Path(frame.filename).name}:{frame.name}" for frame in [*ours[-1:], *frames[-1:]]]
    return " < ".join(dict.fromkeys(reversed(places)))


def _measured(
    reader: Reader, data: bytes, number: int, tally: Tally, ledger: Ledger
) -> tuple[BaseException | None, float, int]:
    """How it ended, in how many seconds, and by how many KB the resident set rose above what it was."""
    tally.number, tally.started_ns = number, time.monotonic_ns()
    ledger.write(tally)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the highest is now the present
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    error = _run(reader, data)
    seconds = time.perf_counter() - started
    tally.started_ns = 0
    ledger.write(tally)
    return error, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def _limit_memory() -> None:
    """As the product's own child does: so much more than there is now."""
    used = data_bytes()
    assert used is not None, "memory is limited where Linux's /proc tells what is used"
    limit = used + (MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _watch(worker: int, ledger: Ledger) -> dict[str, Any]:
    """How a worker ended: by itself, by a signal, or by being stopped."""
    stopped = ""
    while True:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid:
            break
        if not stopped and (stopped := _beyond(worker, ledger)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        time.sleep(_LOOK_EVERY)
    if stopped:
        return {"how": stopped}
    if os.WIFSIGNALED(status):
        return {"how": "signal", "signal": signal.Signals(os.WTERMSIG(status)).name}
    return {"how": "done" if os.WEXITSTATUS(status) == 0 else "exit", "status": os.WEXITSTATUS(status)}


def _beyond(worker: int, ledger: Ledger) -> str:
    started = ledger.read().started_ns
    if started and time.monotonic_ns() - started > ENDED_AFTER_SECONDS * 1e9:
        return "hang"
    with contextlib.suppress(OSError, IndexError):
        pages = int(Path(f"/proc/{worker}/statm").read_text().split()[1])
        if pages * _PAGE_KB > ENDED_ABOVE_MEGABYTES << 10:
            return "hungry"
    return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
