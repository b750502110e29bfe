"""The record of a run: what every reader did with its inputs, and whether the promise held."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.fuzzing.ledger import Tally
from benchmarks.fuzzing.limits import MEGABYTES, SECONDS
from edgefrac import durable
from edgefrac.benchmarking.host import Host

_EXAMPLES = 5
Kind = Literal["exception", "slow", "hungry", "hang", "signal", "exit"]


class _Open(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Noticed(_Open):
    """One cause, with how many inputs had it and the numbers of the first ones."""

    kind: Kind
    what: str
    inputs: int = 0
    numbers: list[int] = []


class Row(_Open):
    """One reader. ``other`` exceptions are not EdgeFrac's own; ``crashes`` of the child are counted by signal."""

    reader: str
    guarded: bool
    seeds_sha256: str
    inputs: int = 0
    read: int = 0
    refused: int = 0
    other: int = 0
    crashes: dict[str, int] = {}
    hangs: int = 0
    slowest_ms: float = 0.0
    slowest: int = -1
    peak_mb: float = 0.0
    hungriest: int = -1
    seconds: float = 0.0
    noticed: list[Noticed] = []

    def add(self, tally: Tally) -> None:
        """Count what a worker did before it ended."""
        self.read += tally.read
        self.refused += tally.refused
        self.other += tally.other
        self.inputs += tally.read + tally.refused + tally.other
        self.seconds = round(self.seconds + tally.spent_us / 1e6, 3)
        if tally.slowest_us / 1e3 > self.slowest_ms:
            self.slowest_ms, self.slowest = tally.slowest_us / 1e3, tally.slowest
        if tally.peak_kb / 1024 > self.peak_mb:
            self.peak_mb, self.hungriest = round(tally.peak_kb / 1024, 1), tally.hungriest

    def notice(self, kind: Kind, what: str, number: int) -> bool:
        """Remember a cause; True if its input is worth keeping."""
        known = next((one for one in self.noticed if (one.kind, one.what) == (kind, what)), None)
        if known is None:
            known = Noticed(kind=kind, what=what)
            self.noticed.append(known)
        known.inputs += 1
        if len(known.numbers) < _EXAMPLES:
            known.numbers.append(number)
            return True
        return False

    @property
    def broken(self) -> list[Noticed]:
        """What breaks the promise: anything, but the end of a guarded child, which the product takes for a refusal."""
        excused = ("signal", "exit", "hang", "slow") if self.guarded else ()
        return [one for one in self.noticed if one.kind not in excused]


class Record(_Open):
    """``python -m benchmarks.fuzzing --out FILE``; ``done`` are the ranges that are finished, while it runs."""

    schema_id: Literal["edgefrac.fuzzing/1"] = Field(default="edgefrac.fuzzing/1", alias="schema")
    seed: int
    count: int
    processes: int
    seconds: float = 0.0
    host: Host
    rows: list[Row]
    done: list[tuple[str, int]] = []

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @property
    def inputs(self) -> int:
        """Over all readers."""
        return sum(row.inputs for row in self.rows)

    @property
    def kept(self) -> bool:
        """Whether the promise held for every input."""
        return not any(row.broken for row in self.rows)

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        durable.write(path, (self.model_dump_json(by_alias=True, indent=1) + "\n").encode())


def table(record: Record) -> str:
    """One line a reader, and below it what was noticed."""
    head = ("reader", "inputs", "read", "refused", "other", "crashes", "hangs", "slowest ms", "peak MB", "s")
    rows = [
        *(head,),
        *(
            (
                row.reader + ("*" if row.guarded else ""),
                *(f"{n:,}" for n in (row.inputs, row.read, row.refused, row.other)),
                " ".join(f"{signal} {n}" for signal, n in sorted(row.crashes.items())) or "0",
                *(str(row.hangs), f"{row.slowest_ms:.0f}", f"{row.peak_mb:.0f}", f"{row.seconds:.0f}"),
            )
            for row in record.rows
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join((row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))))
        for row in rows
    ]
    for row in record.rows:
        for one in row.noticed:
            mark = "BROKEN" if one in row.broken else "guarded"
            lines.append(f"{mark}: {row.reader}: {one.kind}: {one.what} ({one.inputs} inputs, such as {one.numbers})")
    promise = f"only EdgeFrac's own errors, no crash outside of a guarded child*, {SECONDS:g} s, {MEGABYTES} MB"
    kept = "kept" if record.kept else "broken"
    lines.append(f"{record.inputs:,} inputs in {record.seconds:.0f} s; the promise ({promise}) is {kept}")
    return "\n".join(lines)
