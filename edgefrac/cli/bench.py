"""``edgefrac bench``: how fast model files are, with intervals, and whether that has changed."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefrac.cli.expiry import warn_if_expired
from edgefrac.cli.options import AsJson, Data
from edgefrac.cli.output import note, results, track

if TYPE_CHECKING:
    from edgefrac.benchmarking.document import Change, Document, Row
    from edgefrac.benchmarking.figures import Difference
    from edgefrac.benchmarking.host import Host

_CROWDED = 0.05
_HEADS = (
    "file",
    "on",
    "threads",
    "ms (95 % interval)",
    "p90",
    "p99",
    "cpu",
    "runs",
    "beside the first",
    "peak MB",
    "load",
    "cold",
)


def bench(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|BUNDLE…", help="Model files, checkpoints, bundles.")],
    device: Annotated[
        list[str] | None,
        typer.Option(help="cpu, gpu, npu, arm64 or android; repeatable. [default: cpu; with --report all]"),
    ] = None,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="CPU threads; repeatable. [default: 1]")] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long to time each file.")] = 5.0,
    data: Data = None,
    images: Annotated[int, typer.Option(min=1, help="How many of them each file is shown on each device.")] = 100,
    against: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Compare with a document of this machine.")
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE", help="Status 1 unless every operator of every file runs on it; repeatable."),
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="HTML|MD|JSON", help="Write a report there.")] = None,
    as_json: AsJson = False,
) -> None:
    """Time model files in turns, with intervals, and compare what they answer on each device."""
    required = require or []
    with results(as_json) as emit:
        from edgefrac import durable
        from edgefrac.pipeline.bench import run_bench
        from edgefrac.pipeline.bench_report import report_of
        from edgefrac.reporting.bench_page import check_suffix, write_report
        from edgefrac.runtimes.backend import DEVICES

        if report:
            check_suffix(report)
            durable.require_writable(report.parent)
        for file in files:
            warn_if_expired(file)
        done = run_bench(
            files,
            devices=[*(device or (DEVICES if report else ["cpu"])), *required],
            threads=threads or [1],
            seconds=seconds,
            data=data,
            images=images,
            against=against,
            track=track,
            reported=report is not None,
        )
        if report:
            write_report(report_of(done, files, data, _command(), track), report)
        document = done.document
        emit(document.model_dump(mode="json") if as_json else _table(document))
    missing = [problem for name in required for problem in _not_on(name, document)]
    for problem in missing:
        note(problem)
    if missing:
        raise typer.Exit(1)


def _command() -> str:
    """What was typed, with the names of files and folders, not where they are on this machine."""
    words = [Path(word).name if os.sep in word else word for word in sys.argv[1:]]
    return shlex.join(["edgefrac", *words])


def _not_on(device: str, document: Document) -> Iterator[str]:
    """Why not every operator of every file runs on a device that was required."""
    rows = [row for row in document.rows if row.device == device]
    for path in dict.fromkeys(row.path for row in rows):
        its = [row for row in rows if row.path == path]
        running = [row for row in its if row.evidence_level != "unavailable"]
        if not running:
            reasons = "; ".join(dict.fromkeys(row.reason for row in its))
            yield f"required, but not on {device}: {path} ({reasons})"
        for row in running:
            if row.elsewhere:
                strays = ", ".join(f"{count} {kind}" for kind, count in row.elsewhere.items())
                yield f"required, but not all on {device}: {path} in {row.runtime} leaves out {strays}"
            elif not row.operators and device != "cpu":
                yield f"required, but not shown to be on {device}: {path} in {row.runtime}"


def _table(document: Document) -> str:
    measured = [row for row in document.rows if row.median_ms is not None]
    lines = _aligned([_HEADS, *map(_cells, measured)]) if measured else []
    lines += [f"{_where(r)}: {r.evidence_level}: {r.reason}" for r in document.rows if r.median_ms is None]
    lines += [f"{row.path}: {row.reason}" for row in measured if row.reason]
    lines += [
        f"{row.path}: {row.threads} threads were asked for, {row.threads_seen} worked"
        for row in measured
        if row.threads_seen not in (None, row.threads)
    ]
    lines += _parities(document)
    lines += [_change(change) for change in document.changes]
    return "\n".join([*lines, _host(document.host)])


def _where(row: Row) -> str:
    return " on ".join((row.path, row.runtime or row.device)) + (f" ({row.device})" if row.runtime else "")


def _parities(document: Document) -> list[str]:
    rows = [row for row in document.rows if row.parity]
    if not rows or document.data is None:
        return []
    data = document.data
    head = f"beside float32 on {data.n} radiographs of {data.name}, {data.positives} fractured"
    cells = [("", "", "verdict", "max |Δp|", "AUROC lost (95 % interval)", "flips", "operators"), *map(_parity, rows)]
    return ["", head, *_aligned(cells)]


def _parity(row: Row) -> tuple[str, ...]:
    assert row.parity is not None
    verdict = row.parity.verdict
    loss, interval = verdict.auroc_loss, verdict.auroc_loss.interval
    lost = "" if loss.value is None else f"{loss.value:.4f}"
    lost += "" if interval is None else f" ({interval[0]:.4f}–{interval[1]:.4f})"
    largest = "" if verdict.max_abs_diff is None else f"{verdict.max_abs_diff:.2g}"
    flips = str(len(verdict.flips))
    named = f"{row.runtime} ({row.device}, {row.parity.evidence_level})"
    return row.path, named, verdict.verdict, largest, lost, flips, row.placement


def _cells(row: Row) -> tuple[str, ...]:
    interval = "" if row.median_ci is None else f" ({_ms(row.median_ci[0])}–{_ms(row.median_ci[1])})"
    level = "" if row.evidence_level == "measured" else f" ({row.evidence_level})"
    return (
        row.path,
        row.runtime + level,
        str(row.threads),
        f"{_ms(row.median_ms)}{interval}",
        _ms(row.p90_ms),
        _ms(row.p99_ms),
        _ms(row.cpu_ms),
        str(row.runs),
        _times(row.beside_first) if row.beside_first else "",
        "" if row.peak_rss_mb is None else f"{row.peak_rss_mb:.0f}",
        _ms(row.load_ms),
        _ms(row.cold_start_ms),
    )


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _ms(value: float | None) -> str:
    """Three digits that matter."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _times(found: Difference) -> str:
    low, high = found.ratio_ci
    return f"×{found.ratio:.3f} ({low:.3f}–{high:.3f}) {found.verdict}"


def _change(change: Change) -> str:
    where = f"{change.path}, {change.runtime}, {change.threads} threads"
    return f"{where}: {_ms(change.then_ms)} ms then, {_ms(change.now_ms)} ms now, {_times(change.difference)}"


def _host(host: Host) -> str:
    crowded = ""
    if host.waiting is not None and host.waiting > _CROWDED:
        crowded = f"; busy: for {host.waiting:.0%} of its time the stopwatch waited for a processor"
    return f"{host.cpu}, {host.cores} cores, load {host.load_before} before and {host.load_after} after{crowded}"
