"""The figure of a sweep: accuracy against latency, every trial with its interval, the Pareto front marked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_DPI = 200
# told apart by shape and fill too; the blue is safe for colour-blind readers (Okabe & Ito 2008)
_FRONT: dict[str, Any] = {"fmt": "o", "color": "#0072B2", "markersize": 7, "capsize": 3, "zorder": 3}
_OTHERS: dict[str, Any] = {
    "fmt": "s",
    "color": "#767676",
    "markerfacecolor": "white",
    "markersize": 5,
    "capsize": 2,
    "zorder": 2,
}


@dataclass(frozen=True)
class Point:
    """One finished trial: AUROC with its 95 % interval, milliseconds with their quartiles."""

    number: int
    auroc: float
    auroc_ci: tuple[float, float]
    latency_ms: float
    latency_quartiles: tuple[float, float]
    on_front: bool


def draw_pareto(points: Sequence[Point], title: str, caption: str) -> bytes:
    """The figure as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), dpi=_DPI, layout="constrained")
    axes = figure.subplots()
    front = sorted((p for p in points if p.on_front), key=lambda p: p.latency_ms)
    axes.plot(
        [p.latency_ms for p in front],
        [p.auroc for p in front],
        color="#0072B2",
        linewidth=1,
        zorder=1,
        drawstyle="steps-post",
    )
    for chosen, style, label in (
        (front, _FRONT, "Pareto front (with trial number)"),
        ([p for p in points if not p.on_front], _OTHERS, "other finished trials"),
    ):
        if chosen:
            axes.errorbar(
                [p.latency_ms for p in chosen],
                [p.auroc for p in chosen],
                xerr=_around([p.latency_ms for p in chosen], [p.latency_quartiles for p in chosen]),
                yerr=_around([p.auroc for p in chosen], [p.auroc_ci for p in chosen]),
                elinewidth=0.8,
                label=label,
                linestyle="none",
                **style,
            )
    for point in front:
        axes.annotate(
            str(point.number), (point.latency_ms, point.auroc), xytext=(6, 5), textcoords="offset points", weight="bold"
        )
    axes.set_xlabel("latency of the int8 file, ms a radiograph, one thread (median; bars: quartiles)")
    axes.set_ylabel("AUROC of the int8 file (bars: 95 % interval)")
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
    figure.supxlabel(caption, fontsize=7.5)
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()


def _around(values: Sequence[float], limits: Sequence[tuple[float, float]]) -> list[list[float]]:
    """Distances below and above, as error bars want them."""
    below = [max(0.0, value - low) for value, (low, _) in zip(values, limits, strict=True)]
    above = [max(0.0, high - value) for value, (_, high) in zip(values, limits, strict=True)]
    return [below, above]
