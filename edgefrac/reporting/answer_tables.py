"""What one file says, radiograph by radiograph: calibration, the four outcomes, and the calls that were wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from edgefrac.reporting.bench_report import Answer, Answers
from edgefrac.reporting.blocks import Notes, Table, columns, table
from edgefrac.reporting.numbers import fixed, plural, with_interval
from edgefrac.verification.statistics import Estimate, clustered_proportion

_BINS = 10
_LISTED = 25
_NEAREST = 1e-9  # probabilities of 0 and 1 have no log-odds


@dataclass(frozen=True)
class Bin:
    """Radiographs of like probability: the mean of it, and the share that is fractured with its 95 % interval."""

    n: int
    predicted: float
    observed: Estimate


def calibration(answers: Answers) -> list[Bin]:
    """Ten bins of equal mass, fewer where probabilities are equal; intervals are Wilson's, by groups."""
    probability = np.array([a.probability for a in answers.given])
    labels = np.array([a.label for a in answers.given])
    groups = np.array([a.group for a in answers.given])
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, _BINS + 1)[1:-1], method="inverted_cdf"))
    number = np.searchsorted(edges, probability, side="left")
    found = []
    for k in np.unique(number):
        inside = number == k
        observed = clustered_proportion(labels[inside] == 1, groups[inside])
        found.append(Bin(int(inside.sum()), float(probability[inside].mean()), observed))
    return found


def calibration_table(bins: list[Bin]) -> Table:
    """The numbers of the calibration curve."""
    heads = columns("Bin", "#Radiographs", "#Mean probability", "#Share fractured (95 % interval)")
    rows = [
        [str(k), str(b.n), fixed(b.predicted, 3), with_interval(b.observed.value or 0.0, b.observed.interval, 3)]
        for k, b in enumerate(bins, 1)
    ]
    return table("Calibration", heads, rows, Notes())


def crosstab(answers: Answers, threshold: float) -> Table:
    """Labels against calls."""
    rows = []
    for title, label in (("fracture", 1), ("no fracture", 0)):
        called = [a.probability >= threshold for a in answers.given if a.label == label]
        rows.append([title, str(sum(called)), str(len(called) - sum(called)), str(len(called))])
    heads = columns("Label", "#Called fracture", "#Called no fracture", "#All")
    return table("Calls at the frozen threshold", heads, rows, Notes())


def wrong_calls(answers: Answers, threshold: float, label: int) -> list[Answer]:
    """Wrong calls among radiographs of ``label``, first those whose log-odds are furthest beyond the threshold."""
    wrong = [a for a in answers.given if a.label == label and (a.probability >= threshold) != bool(a.label)]
    return sorted(wrong, key=lambda a: (-_beyond(a, threshold), a.id))


def _beyond(answer: Answer, threshold: float) -> float:
    inside = float(np.clip(answer.probability, _NEAREST, 1 - _NEAREST))
    return float(abs(logit(inside) - logit(threshold)))


def failures_table(title: str, wrong: list[Answer], threshold: float) -> Table:
    """Up to 25 wrong calls, by hash; a raster that the data hold more than once is listed once."""
    notes = Notes()
    heads = columns("Raster (SHA-256)", "#Probability", "#Log-odds beyond the threshold")
    copies = Counter(a.id for a in wrong)
    each = list({a.id: a for a in wrong}.values())
    rows = [[_name(a, copies), fixed(a.probability, 4), fixed(_beyond(a, threshold), 2)] for a in each[:_LISTED]]
    if len(each) > _LISTED:
        notes.texts.append(f"{plural(len(each) - _LISTED, 'further one')}, nearer to the threshold, in the JSON report")
    return table(f"{title}: {len(wrong)}", heads, rows, notes)


def _name(answer: Answer, copies: Counter[str]) -> str:
    return answer.id[:12] + (f", {copies[answer.id]} times" if copies[answer.id] > 1 else "")
