"""Run mutated inputs through every reader, and say what broke the promise.

    python -m benchmarks.fuzzing [--count 1000000] [--seed 1] [--processes 2] [--reader NAME …] [--out FILE] [--json]

Started again with the same file it goes on where it was stopped. Inputs that broke it are kept in
``build/fuzzing/findings``. The exit status is 1 then.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks.fuzzing.campaign import Campaign, new_record
from benchmarks.fuzzing.readers import READERS
from benchmarks.fuzzing.record import Record, table

_OUT = Path("build") / "fuzzing" / "record.json"


def main() -> int:
    """Run, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--reader", action="append", choices=READERS, help="only this one; may be given several times")
    parser.add_argument("--out", type=Path, default=_OUT)
    parser.add_argument("--json", action="store_true", help="print the record instead of the table")
    chosen = parser.parse_args()
    readers = [READERS[name] for name in chosen.reader or READERS]
    fresh = new_record(readers, chosen.seed, chosen.count, chosen.processes)
    record = _unfinished(chosen.out, fresh) or fresh
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    columns = (TextColumn("inputs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=chosen.count, completed=record.inputs)
        Campaign(readers, record, chosen.out, lambda n: bar.advance(task, n)).run()
    print(json.dumps(record.model_dump(mode="json", by_alias=True), indent=1) if chosen.json else table(record))
    return int(not record.kept)


def _unfinished(path: Path, fresh: Record) -> Record | None:
    """The record in a file, if it is one of this very run that was stopped."""
    if not path.is_file():
        return None
    stored = Record.model_validate_json(path.read_bytes())
    same = all(getattr(stored, name) == getattr(fresh, name) for name in ("seed", "count"))
    seeds = [[(row.reader, row.seeds_sha256) for row in one.rows] for one in (stored, fresh)]
    return stored if stored.done and same and seeds[0] == seeds[1] else None


if __name__ == "__main__":
    sys.exit(main())
