"""The report's figures of speed: accuracy against latency and size, latency distributions, stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgefrac.benchmarking.document import EndToEnd, Row
from edgefrac.reporting.bench_rows import device_title, runtime_title, without_threads
from edgefrac.reporting.svg import INK, MUTED, PAPER, SERIES, figure, markup

_MARKERS = "oDs^vP*X"
_PRECISIONS = ("fp32", "fp16", "int8", "mixed")
_LOGARITHMIC = 4  # largest over smallest, from which an axis is logarithmic


@dataclass(frozen=True)
class Placed:
    """A point: where it is on the abscissa, its AUROC with interval, and how it is drawn."""

    row: Row
    x: float
    x_ci: tuple[float, float] | None
    auroc: float
    auroc_ci: tuple[float, float]


def against_latency(rows: Sequence[Row]) -> list[Placed]:
    """Rows that have a latency and an AUROC with its interval."""
    found = []
    for row in rows:
        auroc = row.parity.figures.auroc if row.parity else None
        if auroc and auroc.value is not None and auroc.low is not None and auroc.high is not None and row.median_ms:
            found.append(Placed(row, row.median_ms, row.median_ci, auroc.value, (auroc.low, auroc.high)))
    return found


def against_size(rows: Sequence[Row]) -> list[Placed]:
    """Files on each device, whose size is known."""
    found = []
    for row in without_threads(rows):
        auroc = row.parity.figures.auroc if row.parity else None
        if auroc and auroc.value is not None and auroc.low is not None and auroc.high is not None and row.bytes:
            found.append(Placed(row, row.bytes / 1e6, None, auroc.value, (auroc.low, auroc.high)))
    return found


def front(points: Sequence[Placed]) -> list[Placed]:
    """Points that no other beats in both ways, among files that passed the gate; by rising abscissa."""
    passed = [p for p in points if p.row.parity and p.row.parity.verdict.verdict == "passed"]
    best: list[Placed] = []
    for point in sorted(passed, key=lambda p: (p.x, -p.auroc)):
        if not best or point.auroc > best[-1].auroc:
            best.append(point)
    return best


def draw_pareto(points: Sequence[Placed], names: dict[str, str], abscissa: str, name: str) -> str:
    """AUROC with its interval against latency or size; colour is precision, shape is runtime on device."""
    with figure(8.6, 4.6) as made:
        axes = made.subplots()
        kinds = list(dict.fromkeys(_kind(p.row) for p in points))
        for point in points:
            colour = _colour(point.row)
            measured = point.row.evidence_level == "measured"
            axes.vlines(point.x, *point.auroc_ci, color=colour, linewidth=1, alpha=0.45)
            if point.x_ci:
                axes.hlines(point.auroc, *point.x_ci, color=colour, linewidth=1)
            marker = _MARKERS[kinds.index(_kind(point.row)) % len(_MARKERS)]
            face = colour if measured else PAPER
            axes.plot(point.x, point.auroc, marker, color=colour, markerfacecolor=face, markersize=7, zorder=3)
        best = front(points)
        axes.plot([p.x for p in best], [p.auroc for p in best], color=MUTED, linewidth=1, drawstyle="steps-post")
        for number, point in enumerate(best):
            label = f"{names[point.row.path]}\n{_kind(point.row)}, {point.row.threads} thr."
            low = point.auroc_ci[0] if number % 2 == 0 else point.auroc_ci[1]
            axes.annotate(
                label,
                (point.x, low),
                xytext=(4, 4 if number % 2 == 0 else -4),
                textcoords="offset points",
                va="bottom" if number % 2 == 0 else "top",
                fontsize=8.5,
                color=INK,
                bbox={"facecolor": PAPER, "alpha": 0.85, "edgecolor": "none", "pad": 1},
            )
        _scale(axes.set_xscale, [p.x for p in points])
        _legend(axes, points, kinds)
        axes.set_xlabel(abscissa)
        axes.set_ylabel("AUROC (bar: 95 % interval)")
        _plain_ticks(axes)
        axes.grid(linewidth=0.6)
        return markup(made, name)


def _kind(row: Row) -> str:
    level = "" if row.evidence_level == "measured" else f" ({row.evidence_level})"
    return f"{runtime_title(row)} on {device_title(row.device)}{level}"


def _colour(row: Row) -> str:
    known = row.precision in _PRECISIONS
    return SERIES[_PRECISIONS.index(row.precision)] if known else SERIES[len(_PRECISIONS)]


def _legend(axes: Any, points: Sequence[Placed], kinds: list[str]) -> None:
    for precision, colour in dict.fromkeys((p.row.precision, _colour(p.row)) for p in points):
        axes.plot([], [], color=colour, linewidth=5, label=precision)
    for number, kind in enumerate(kinds):
        axes.plot([], [], _MARKERS[number % len(_MARKERS)], color=MUTED, label=kind)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8.5, borderaxespad=0)


def draw_latencies(rows: Sequence[Row], names: dict[str, str]) -> str:
    """One strip a row: all runs as a line, 90 % of them as a bar, half of them as a dark bar, the median as a gap."""
    ranked = sorted(rows, key=lambda row: row.median_ms or 0.0)
    with figure(8.6, 0.9 + 0.3 * len(ranked)) as made:
        axes = made.subplots()
        for place, row in enumerate(ranked):
            q = row.percentiles_ms
            colour = _colour(row)
            axes.hlines(place, q[0], q[20], color=colour, linewidth=1)
            axes.hlines(place, q[1], q[19], color=colour, linewidth=5, alpha=0.35)
            axes.hlines(place, q[5], q[15], color=colour, linewidth=9)
            axes.plot(q[10], place, "|", color=PAPER, markersize=11, markeredgewidth=2)
            axes.annotate(
                f"{q[10]:.2f}", (q[20], place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5
            )
        labels = [f"{names[r.path]}, {_kind(r)}, {r.threads} thr." for r in ranked]
        axes.set_yticks(range(len(ranked)), labels, fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(ranked) - 0.4, -0.6)
        values = [q for row in ranked for q in row.percentiles_ms]
        _scale(axes.set_xscale, values)
        axes.set_xlim(0 if axes.get_xscale() == "linear" else None, max(values) * 1.15)
        axes.set_xlabel("ms a radiograph" + (", logarithmic" if axes.get_xscale() == "log" else ""))
        _plain_ticks(axes)
        axes.grid(axis="x", linewidth=0.6)
        return markup(made, "latencies")


def draw_stages(whole: EndToEnd) -> str:
    """Two bars: the steps one after the other, and the whole measured as one."""
    with figure(8.6, 2.4) as made:
        axes = made.subplots()
        left = 0.0
        for number, stage in enumerate(whole.stages):
            colour = SERIES[number % len(SERIES)]
            axes.barh(0, stage.median_ms, left=left, color=colour, edgecolor=PAPER, label=stage.name, height=0.6)
            if stage.share > 0.06:
                middle = left + stage.median_ms / 2
                axes.text(middle, 0, f"{stage.median_ms:.1f}", ha="center", va="center", color="white", fontsize=9)
            left += stage.median_ms
        axes.barh(1, whole.whole_ms, color=MUTED, height=0.6)
        axes.hlines(1, *whole.whole_ci, color=INK, linewidth=1.5)
        axes.text(max(left, whole.whole_ci[1]) * 1.01, 1, f"{whole.whole_ms:.1f}", va="center", fontsize=9)
        axes.set_yticks([0, 1], ["step by step", "as one"])
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.set_xlim(0, max(left, whole.whole_ci[1]) * 1.08)
        axes.set_xlabel("ms")
        axes.grid(axis="x", linewidth=0.6)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.02), ncols=4, fontsize=8.5)
        return markup(made, "stages")


def _scale(set_scale: Callable[[str], None], values: Sequence[float]) -> None:
    if min(values) > 0 and max(values) / min(values) > _LOGARITHMIC:
        set_scale("log")


def _plain_ticks(axes: Any) -> None:
    """Numbers, not powers of ten: Matplotlib writes those as formulas, which are not read as mathematics here."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    if axes.get_xscale() == "log":
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
