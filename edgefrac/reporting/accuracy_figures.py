"""The report's figures of accuracy: calibration curve and ROC of one file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgefrac.reporting.answer_tables import Bin
from edgefrac.reporting.bench_report import Answers
from edgefrac.reporting.svg import GRID, INK, MUTED, SERIES, figure, markup
from edgefrac.verification.figures import Figures


def draw_calibration(bins: Sequence[Bin], found: Figures) -> str:
    """Share that is fractured against the probability that was given, with intervals; on the diagonal is right."""
    with figure(5, 4.8) as made:
        axes = made.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="perfectly calibrated")
        axes.legend(loc="upper left", fontsize=8.5)
        shares = [b.observed.value or 0.0 for b in bins]
        axes.plot([b.predicted for b in bins], shares, "o-", color=SERIES[0], linewidth=1, markersize=6)
        for each in bins:
            low, high = each.observed.low, each.observed.high
            if low is not None and high is not None:
                axes.vlines(each.predicted, low, high, color=SERIES[0], linewidth=1.2)
        if found.ece.value is not None:
            axes.text(0.98, 0.04, f"calibration error {found.ece.value:.3f}", ha="right", fontsize=9, color=INK)
        _square(axes, "probability that the file gave", "share fractured (bar: 95 % interval)")
        return markup(made, "calibration")


def draw_roc(answers: Answers, found: Figures) -> str:
    """The ROC curve, and on it the frozen threshold with the intervals of sensitivity and specificity."""
    labels = np.array([a.label for a in answers.given])
    probability = np.array([a.probability for a in answers.given])
    thresholds = np.r_[np.inf, np.unique(probability)[::-1]]
    calls = probability[None] >= thresholds[:, None]
    sensitivity, alarms = calls[:, labels == 1].mean(axis=1), calls[:, labels == 0].mean(axis=1)
    with figure(5, 4.8) as made:
        axes = made.subplots()
        axes.plot([0, 1], [0, 1], color=GRID, linewidth=1)
        axes.step(alarms, sensitivity, where="post", color=SERIES[0], linewidth=1.6)
        se, sp = found.sensitivity, found.specificity
        if se.value is not None and sp.value is not None:
            x, y = 1 - sp.value, se.value
            if se.low is not None and se.high is not None:
                axes.vlines(x, se.low, se.high, color=SERIES[1], linewidth=1.6)
            if sp.low is not None and sp.high is not None:
                axes.hlines(y, 1 - sp.high, 1 - sp.low, color=SERIES[1], linewidth=1.6)
            axes.plot(x, y, "o", color=SERIES[1], markersize=7)
            text = f"threshold {found.threshold:.3f}\nsensitivity {y:.3f}\nspecificity {sp.value:.3f}"
            axes.annotate(text, (x, y), xytext=(14, -12), textcoords="offset points", va="top", fontsize=8.5)
        if found.auroc.value is not None:
            axes.text(0.98, 0.04, f"AUROC {found.auroc.value:.3f}", ha="right", fontsize=9)
        _square(axes, "1 − specificity", "sensitivity")
        return markup(made, "roc")


def _square(axes: Any, abscissa: str, ordinate: str) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=abscissa, ylabel=ordinate, aspect="equal")
    axes.grid(linewidth=0.6)
