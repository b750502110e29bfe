"""The report's verdict: one sentence, made from the rows and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from edgefrac.benchmarking.document import Document, Row
from edgefrac.reporting.bench_rows import (
    by_device,
    device_title,
    file_names,
    runtime_title,
    threads_title,
    without_threads,
)
from edgefrac.reporting.numbers import fixed, listed, plural
from edgefrac.verification.verdict import Outcome, worst

_NAMED = 4  # files that did not pass and are named in the sentence; the tables name all


@dataclass(frozen=True)
class Headline:
    """The sentence, and the outcome that it is about."""

    outcome: Outcome | Literal["not judged"]
    sentence: str


def headline(document: Document) -> Headline:
    """Which files passed the gate on which devices, the fastest measured file, and what is unavailable."""
    pairs = without_threads(document.rows)
    outcomes = [row.parity.verdict.verdict for row in pairs if row.parity]
    parts = [_gate(document, pairs), _fastest(document.rows), _unavailable(document.rows)]
    sentence = "; ".join(filter(None, parts)) + "."
    return Headline(worst(outcomes) if outcomes else "not judged", sentence[0].upper() + sentence[1:])


def fastest(rows: Sequence[Row]) -> Row | None:
    """The measured row of the smallest median: of those that passed the gate, where any was judged."""
    judged = any(row.parity for row in rows)
    allowed = [row for row in rows if row.evidence_level == "measured" and row.median_ms is not None]
    if judged:
        allowed = [row for row in allowed if row.parity and row.parity.verdict.verdict == "passed"]
    return min(allowed, key=lambda row: row.median_ms or 0.0, default=None)


def _gate(document: Document, pairs: list[Row]) -> str:
    judged = [row for row in pairs if row.parity]
    unjudged = [row for row in pairs if not row.parity and row.evidence_level != "unavailable"]
    if not judged:
        return (
            "no file was held against the float32 reference, so this says nothing of what the files answer"
            if unjudged
            else "nothing could be run"
        )
    data = f" on {plural(document.data.n, 'radiograph')} of {document.data.name}" if document.data else ""
    said = [
        text
        for outcome in ("failed", "undecided", "passed")
        if (text := _of_outcome(outcome, judged, file_names(document.rows)))
    ]
    rest = f"; {plural(len(unjudged), 'other run')} {'was' if len(unjudged) == 1 else 'were'} not judged"
    return "; ".join(said) + data + (rest if unjudged else "")


def _of_outcome(outcome: Outcome, judged: list[Row], names: dict[str, str]) -> str:
    """Such as "every file passed the gate: 9 on CPU, 3 on GPU (emulated)"; empty where no row has this outcome."""
    chosen = [row for row in judged if _outcome(row) == outcome]
    if not chosen:
        return ""
    if outcome == "passed":
        whole = len(chosen) == len(judged)
        count = "every file that was judged passed the gate" if whole else "passed"
        return f"{count}: {_counted(chosen)}"
    each = [f"{names[row.path]} on {device_title(row.device)} ({_ran(row)})" for row in chosen[:_NAMED]]
    if len(chosen) > _NAMED:
        each.append(f"{len(chosen) - _NAMED} more")
    what = "the gate stopped" if outcome == "failed" else "too little is known to judge"
    return f"{what} {listed(each)}"


def _outcome(row: Row) -> Outcome | None:
    return row.parity.verdict.verdict if row.parity else None


def _counted(chosen: list[Row]) -> str:
    """How many files on each device; where several runtimes ran a file there, it counts once."""
    counts: dict[str, set[str]] = {}
    for row in chosen:
        counts.setdefault(_where(row), set()).add(row.path)
    return listed([f"{plural(len(paths), 'file')} on {where}" for where, paths in counts.items()])


def _where(row: Row) -> str:
    level = _level(row)
    return device_title(row.device) + ("" if level == "measured" else f" ({level})")


def _ran(row: Row) -> str:
    level = _level(row)
    return runtime_title(row) + ("" if level == "measured" else f", {level}")


def _level(row: Row) -> str:
    """What the answers are worth, not the speed."""
    return row.parity.evidence_level if row.parity else row.evidence_level


def _fastest(rows: Sequence[Row]) -> str:
    row = fastest(rows)
    if row is None or row.median_ms is None:
        timed = any(r.evidence_level == "measured" and r.median_ms is not None for r in rows)
        return "no file that passed was timed on a real device" if timed else "no speed was measured on a real device"
    name = file_names(rows)[row.path]
    where = f"{runtime_title(row)}, {device_title(row.device)}, {threads_title(row.threads)}"
    spread = "" if row.median_ci is None else " (95 % interval {} to {})".format(*(fixed(x, 2) for x in row.median_ci))
    what = "the fastest that passed" if row.parity else "the fastest"
    return f"{what}, as measured, is {name} ({where}): {fixed(row.median_ms, 2)} ms{spread}"


def _unavailable(rows: Sequence[Row]) -> str:
    said = []
    for device, here in by_device(rows).items():
        files = {row.path for row in here}
        runs = {row.path for row in here if row.evidence_level != "unavailable"}
        if not runs:
            said.append(device_title(device))
        elif runs < files:
            said.append(f"{device_title(device)} for {len(files - runs)} of {plural(len(files), 'file')}")
    return f"unavailable: {listed(said)}" if said else ""
