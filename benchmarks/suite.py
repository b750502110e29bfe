"""Run the suite, and say what has become slower since it was recorded on this kind of machine: `make bench`.

    python -m benchmarks.suite [--record]

A session is a process of pytest with pytest-benchmark; three are run. Where something looks slower, three more decide,
and only what is slower in both is called so; the exit status is 1 then. ``--record`` runs ten sessions and stores their
figures in ``benchmarks/recorded``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.regression import (
    Comparison,
    Session,
    compare,
    find_record,
    newer,
    read_session,
    record,
    table,
    write_record,
)
from edgefrac.benchmarking.host import host, now
from edgefrac.cli.output import note
from edgefrac.errors import DeviceError, EdgeFracError

SUITE = Path(__file__).parent
RECORDED = SUITE / "recorded"
SESSIONS, SESSIONS_RECORDED = 3, 10


def run_session(suite: Path = SUITE) -> Session:
    """One session in a process of its own; raises DeviceError where a test fails."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "session.json"
        settings = ["-c", str(SUITE.parent / "pyproject.toml"), "-q", "-p", "no:cacheprovider", "--benchmark-quiet"]
        command = [sys.executable, "-m", "pytest", str(suite), *settings]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [*command, f"--benchmark-json={written}"],
            cwd=SUITE.parent,
            env=environment,
            stdout=2,
            check=False,
        )
        if done.returncode:
            raise DeviceError(f"the suite stopped with status {done.returncode}", hint="see above")
        return read_session(written)


def confirmed(first: Sequence[Comparison], second: Sequence[Comparison]) -> list[Comparison]:
    """``second``, with what ``first`` did not call slower not called so either."""
    before = {one.name for one in first if one.change == "slower"}
    return [
        one.model_copy(update={"change": "no difference shown"})
        if one.change == "slower" and one.name not in before
        else one
        for one in second
    ]


def against_record(recorded: Path = RECORDED, suite: Path = SUITE, sessions: int = SESSIONS) -> int:
    """Run, compare and print; 1 where something is slower."""
    here = host(now(), now())
    then = find_record(here, recorded)
    if then is None:
        print(f"no stored results for this machine ({here.cpu}, {here.cores} cores): make bench-record stores them")
        return 0
    found = compare(then, [run_session(suite) for _ in range(sessions)])
    if any(one.change == "slower" for one in found):
        note("something looks slower: once more")
        found = confirmed(found, compare(then, [run_session(suite) for _ in range(sessions)]))
    print(table(found))
    for line in newer(then.host.versions, here.versions):
        print(line)
    slower = [one.name for one in found if one.change == "slower"]
    print(f"slower: {', '.join(slower)}" if slower else "nothing is slower")
    return int(bool(slower))


def main() -> int:
    """The status of ``make bench``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true")
    chosen = parser.parse_args()
    try:
        if not chosen.record:
            return against_record()
        made = record([run_session() for _ in range(SESSIONS_RECORDED)])
        print(f"recorded: {write_record(made, RECORDED)}")
    except EdgeFracError as error:
        note(f"{error.message}{f' ({error.hint})' if error.hint else ''}")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
