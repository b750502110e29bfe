"""A reader that does what its input says, and a worker of the harness with it:

    python -m tests.fuzzing.misbehaving FIRST STOP FOLDER

prints what the harness says of inputs FIRST to STOP - 1 as JSON lines, the last of which is how the worker ended. It is
a process of its own because memory is measured: one that runs tests may have had more than any input takes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from unittest import mock

from benchmarks.fuzzing import child, inputs
from benchmarks.fuzzing.ledger import Ledger, Tally
from benchmarks.fuzzing.limits import MEGABYTES
from benchmarks.fuzzing.reader import Reader
from edgefrac.errors import DatasetError


def misbehave(data: bytes) -> None:
    """What the first byte says."""
    kind = data[:1]
    if kind == b"e":
        raise ZeroDivisionError
    if kind == b"k":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == b"s":
        time.sleep(1.01)
    if kind == b"h":
        time.sleep(60)
    if kind == b"m":
        bytearray((MEGABYTES + 50) << 20)[::4096] = b"x" * (((MEGABYTES + 50) << 20) // 4096)
    if kind == b"r":
        raise DatasetError("refused")


MISBEHAVIOUR = {"1": b"ok", "2": b"e", "3": b"k", "4": b"s", "5": b"m", "6": b"r", "7": b"h"}
FAKE = Reader("fake", misbehave, lambda: MISBEHAVIOUR)


def main(first: int, stop: int, folder: Path) -> None:
    """Fork a worker as ``benchmarks.fuzzing.child`` does, and watch it."""
    ledger = Ledger(folder / "ledger")
    ledger.write(Tally(number=first - 1))
    with (
        mock.patch.object(inputs, "seeds", lambda _: MISBEHAVIOUR),
        mock.patch.object(child, "ENDED_AFTER_SECONDS", 2.0),
    ):
        if (worker := os.fork()) == 0:
            child._work(FAKE, 1, range(first, stop), ledger, os.fdopen(os.dup(1), "w", buffering=1))
            os._exit(0)
        how = child._watch(worker, ledger)
    print(json.dumps({"how": how, "tally": asdict(ledger.read())}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
