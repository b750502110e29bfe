"""Predictive values at any prevalence, from sensitivity and specificity with their intervals.

PPV = π·LR₊ / (π·LR₊ + 1 − π), and NPV likewise with LR₋ = (1 − sensitivity) / specificity, for a prevalence π. The
likelihood ratios' limits come from those of sensitivity and specificity by MOVER on the scale of logarithms (Zou &
Donner 2008): the distances of the limits add up in quadrature. Where a share is 0, and so has no logarithm, the limits
are the worst and the best pair of both intervals, which is wider.
"""

from __future__ import annotations

from edgefrac.benchmarking.figures import unpaired
from edgefrac.reporting.blocks import Line, Notes, Slider, Table, columns, table
from edgefrac.reporting.numbers import fixed, percent
from edgefrac.verification.figures import Figures

FIXED = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Prevalences of the table, which needs no JavaScript."""

Pair = tuple[float, float]
Share = tuple[float, float, float]


def slider(figures: Figures) -> Slider | None:
    """Both likelihood ratios; None where a class is missing, so that one of the shares is not known.

    It starts at the prevalence among the radiographs themselves.
    """
    sensitivity, specificity = (_share(e.value, e.low, e.high) for e in (figures.sensitivity, figures.specificity))
    if sensitivity is None or specificity is None:
        return None
    return Slider(
        positive=_ratio(sensitivity, _complement(specificity)),
        negative=_ratio(_complement(sensitivity), specificity),
        start=figures.positives / figures.n,
    )


def predictive_values(ratios: Slider, prevalence: float) -> tuple[list[float | None], list[float | None]]:
    """PPV and NPV, each with its limits [value, low, high]; None where no radiograph would get that answer."""
    ppv = [_posterior(prevalence * a, (1 - prevalence) * b) for a, b in ratios.positive]
    npv = [_posterior((1 - prevalence) * b, prevalence * a) for a, b in ratios.negative]
    return ppv, [npv[0], npv[2], npv[1]]  # the larger the ratio, the lower the NPV


def prevalence_table(ratios: Slider) -> Table:
    """At fixed prevalences."""
    notes = Notes()
    rows: list[Line] = []
    for prevalence in FIXED:
        values = [_shown(found) for found in predictive_values(ratios, prevalence)]
        rows.append([percent(prevalence, 0), *(notes.given(v, "no radiograph gets that answer") for v in values)])
    heads = columns("Prevalence", "#PPV (95 % interval)", "#NPV (95 % interval)")
    return table("Predictive values", heads, rows, notes)


def _shown(found: list[float | None]) -> str | None:
    value, low, high = found
    if value is None or low is None or high is None:
        return None
    return f"{percent(value)} ({fixed(100 * low, 1)} to {fixed(100 * high, 1)})"


def _posterior(true: float, false: float) -> float | None:
    return true / (true + false) if true + false > 0 else None


def _share(value: float | None, low: float | None, high: float | None) -> Share | None:
    return None if value is None or low is None or high is None else (value, low, high)


def _complement(share: Share) -> Share:
    value, low, high = share
    return 1 - value, 1 - high, 1 - low


def _ratio(above: Share, below: Share) -> tuple[Pair, Pair, Pair]:
    """Quotient of two independent shares with its limits: estimate, low, high."""
    (a, a_low, a_high), (b, b_low, b_high) = above, below
    if not a_low or not b_low:
        return (a, b), (a_low, b_high), (a_high, b_low)
    low, high = unpaired(a, (a_low, a_high), b, (b_low, b_high)).ratio_ci
    return (a, b), (low, 1.0), (high, 1.0)
