"""``edgefrac bench``: how fast model files are, with intervals, and whether that has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import note, results, track

if TYPE_CHECKING:
    from edgefrac.benchmarking.document import Change, Document, Row
    from edgefrac.benchmarking.figures import Difference
    from edgefrac.benchmarking.host import Host

_CROWDED = 0.05
_HEADS = (
    "file",
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
        list[str] | None, typer.Option(help="cpu, gpu, npu, arm64 or android; repeatable. [default: cpu]")
    ] = None,
    threads: Annotated[list[int] | None, typer.Option(min=1, help="Threads; repeatable. [default: 1]")] = None,
    seconds: Annotated[float, typer.Option(min=0.01, help="How long to time each file.")] = 5.0,
    against: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Compare with a document of this machine.")
    ] = None,
    require: Annotated[
        list[str] | None, typer.Option(metavar="DEVICE", help="Status 1 unless every file runs on it; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Time model files in turns, with intervals."""
    required = require or []
    with results(as_json) as emit:
        from edgefrac.speed import benchmark

        document = benchmark(
            files,
            devices=[*(device or ["cpu"]), *required],
            threads=threads or [1],
            seconds=seconds,
            against=against,
            track=track,
        )
        emit(document.model_dump(mode="json") if as_json else _table(document))
    missing = [row for row in document.rows if row.device in required and row.evidence_level == "unavailable"]
    for row in missing:
        note(f"required, but not on {row.device}: {row.path} ({row.reason})")
    if missing:
        raise typer.Exit(1)


def _table(document: Document) -> str:
    measured = [row for row in document.rows if row.median_ms is not None]
    lines = _aligned([_HEADS, *map(_cells, measured)]) if measured else []
    lines += [f"{r.path} on {r.device}: unavailable: {r.reason}" for r in document.rows if r.median_ms is None]
    lines += [f"{row.path}: {row.reason}" for row in measured if row.reason]
    lines += [
        f"{row.path}: {row.threads} threads were asked for, {row.threads_seen} worked"
        for row in measured
        if row.threads_seen not in (None, row.threads)
    ]
    lines += [_change(change) for change in document.changes]
    return "\n".join([*lines, _host(document.host)])


def _cells(row: Row) -> tuple[str, ...]:
    interval = "" if row.median_ci is None else f" ({_ms(row.median_ci[0])}–{_ms(row.median_ci[1])})"
    return (
        row.path,
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
    where = f"{change.path}, {change.device}, {change.threads} threads"
    return f"{where}: {_ms(change.then_ms)} ms then, {_ms(change.now_ms)} ms now, {_times(change.difference)}"


def _host(host: Host) -> str:
    crowded = ""
    if host.waiting is not None and host.waiting > _CROWDED:
        crowded = f"; busy: for {host.waiting:.0%} of its time the stopwatch waited for a processor"
    return f"{host.cpu}, {host.cores} cores, load {host.load_before} before and {host.load_after} after{crowded}"
