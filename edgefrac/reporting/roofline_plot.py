"""The figure of a roofline: every layer under the roofs of the machine, and where the time goes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from edgefrac.benchmarking.layer_costs import Kind
from edgefrac.benchmarking.roofline import Roofline, by_kind

_DPI = 100
_INTENSITIES = (0.3, 300)  # multiply-accumulates a byte
# told apart by shape too; colours safe for colour-blind readers (Okabe & Ito 2008)
_STYLES: dict[Kind, tuple[str, str]] = {
    "1×1 convolution": ("#0072B2", "o"),
    "depthwise convolution": ("#D55E00", "D"),
    "convolution": ("#009E73", "^"),
    "addition": ("#CC79A7", "s"),
    "other": ("#767676", "s"),
}
_AREA = 4000  # of a marker that stands for all the time, in square points


def draw_roofline(rooflines: Sequence[Roofline], caption: str) -> bytes:
    """One row for each file, as PNG: layers under the roofs on the left, the time by kind of layer on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2 * len(rooflines)), dpi=_DPI, layout="constrained")
    rows = figure.subplots(len(rooflines), 2, squeeze=False, width_ratios=(3, 2))
    for (left, right), roofline in zip(rows, rooflines, strict=True):
        _draw_roofs(left, roofline)
        _draw_layers(left, roofline)
        _draw_time(right, roofline)
    figure.supxlabel(caption, fontsize=7.5)
    written = io.BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()


def _draw_layers(axes: Any, roofline: Roofline) -> None:
    """Layers without multiply-accumulates have no place on a logarithmic axis; the time on the right has them."""
    total = roofline.seconds.sum()
    for kind, (colour, marker) in _STYLES.items():
        chosen = [n for n, layer in enumerate(roofline.layers) if layer.kind == kind and layer.macs]
        if chosen:
            rates = [roofline.layers[n].macs / roofline.seconds[n] / 1e9 for n in chosen]
            axes.scatter(
                [roofline.layers[n].intensity for n in chosen],
                rates,
                s=[_AREA * roofline.seconds[n] / total for n in chosen],
                c=colour,
                marker=marker,
                alpha=0.6,
                edgecolors="black",
                linewidths=0.4,
                zorder=3,
            )
            axes.scatter([], [], s=40, c=colour, marker=marker, label=kind)
    axes.set_xlabel("multiply-accumulates a byte")
    axes.set_ylabel("10⁹ multiply-accumulates a second")
    axes.set_title(f"{roofline.file}: each layer (area: its share of the time)", fontsize=10)
    axes.grid(alpha=0.3, which="major")
    axes.legend(loc="lower right", fontsize=8)


def _draw_roofs(axes: Any, roofline: Roofline) -> None:
    peaks = roofline.peaks
    intensity = np.geomspace(*_INTENSITIES, 200)
    highest = max(peaks.macs.values())
    axes.set(xscale="log", yscale="log", xlim=_INTENSITIES, ylim=(highest / 1e11, 2 * highest / 1e9))
    for element, rate in peaks.macs.items():
        axes.axhline(rate / 1e9, color="black", linewidth=1.2)
        text = f"{element} peak {rate / 1e9:.0f}"
        axes.annotate(
            text, (_INTENSITIES[1], rate / 1e9), xytext=(-4, 3), textcoords="offset points", ha="right", fontsize=8
        )
    caches = list(peaks.bandwidths.items())
    for (size, rate), style in ((caches[0], "--"), (caches[-1], ":")):
        rates = np.minimum(intensity * rate, highest) / 1e9
        label = f"{rate / 1e9:.0f} GB/s, {size / 1e6:.1f} MB touched"
        axes.plot(intensity, rates, color="black", linewidth=1, linestyle=style, label=label)


def _draw_time(axes: Any, roofline: Roofline) -> None:
    groups = by_kind(roofline)
    names = list(groups)
    for place, (kind, group) in enumerate(groups.items()):
        colour = _STYLES[kind][0]
        axes.barh(place, 1e3 * group.seconds, color=colour, alpha=0.35)
        axes.barh(place, 1e3 * group.seconds * min(group.of_roof, 1), color=colour)
        label = f" {group.share:.1%}" + (f", {group.of_peak:.0%} of the peak" if group.macs else "")
        axes.annotate(label, (1e3 * group.seconds, place), va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 2.1e3 * max(group.seconds for group in groups.values()))
    axes.set_xlabel("ms a radiograph (dark: at the roof)")
    axes.set_title(f"{1e3 * roofline.seconds.sum():.2f} ms, {roofline.threads} thread(s)", fontsize=10)
    axes.grid(alpha=0.3, axis="x")
