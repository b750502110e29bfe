"""Calibration, calls and failures of one file, by hash and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.reporting.answer_tables import calibration, crosstab, failures_table, wrong_calls
from edgefrac.reporting.bench_report import Answer, Answers
from tests.reporting.report_example import answers


def _given(*pairs: tuple[int, float]) -> Answers:
    given = tuple(Answer(id=f"{k:064x}", label=y, probability=p, group=str(k)) for k, (y, p) in enumerate(pairs))
    return Answers(file="a.tflite", runtime="LiteRT", device="cpu", given=given)


def test_bins_hold_every_radiograph_once_and_their_shares_are_counted() -> None:
    given = answers()
    bins = calibration(given)
    assert len(bins) == 10 and sum(b.n for b in bins) == 600
    assert max(b.n for b in bins) - min(b.n for b in bins) <= 2
    fractured = sum(a.label for a in given.given)
    assert sum(b.n * (b.observed.value or 0) for b in bins) == pytest.approx(fractured)
    means = [b.predicted for b in bins]
    assert means == sorted(means)
    inside = [b.observed.low <= b.predicted <= b.observed.high for b in bins if b.observed.low and b.observed.high]
    assert np.mean(inside) >= 0.8, "the simulated reference is calibrated"


def test_equal_probabilities_share_a_bin() -> None:
    assert [b.n for b in calibration(_given(*[(0, 0.25)] * 30, *[(1, 0.75)] * 30))] == [30, 30]


def test_the_four_outcomes() -> None:
    table = crosstab(_given((1, 0.9), (1, 0.2), (0, 0.5), (0, 0.1), (0, 0.3)), 0.5)
    assert [[c.text for c in row] for row in table.rows] == [
        ["fracture", "1", "1", "2"],
        ["no fracture", "1", "2", "3"],
    ]


def test_wrong_calls_are_sorted_by_how_wrong_they_are() -> None:
    given = _given((1, 0.4), (1, 0.01), (1, 0.9), (0, 0.6), (0, 0.97), (0, 0.2), (1, 0.0), (0, 1.0))
    assert [a.probability for a in wrong_calls(given, 0.5, 1)] == [0.0, 0.01, 0.4]
    assert [a.probability for a in wrong_calls(given, 0.5, 0)] == [1.0, 0.97, 0.6]


def test_failures_are_listed_by_hash_a_doubled_raster_once_and_the_rest_is_counted() -> None:
    same = Answer(id="ab" * 32, label=1, probability=0.1, group="x")
    others = [Answer(id=f"{k:064x}", label=1, probability=0.2, group="x") for k in range(30)]
    table = failures_table("Missed", [same, same, *others], 0.5)
    assert table.caption == "Missed: 32" and len(table.rows) == 25
    assert table.rows[0][0].text == f"{'ab' * 6}, 2 times"
    assert table.notes == ("6 further ones, nearer to the threshold, in the JSON report",)


def test_a_radiograph_cannot_be_named_by_its_file() -> None:
    with pytest.raises(ValueError, match="id"):
        Answer(id="IMG0001234.jpg", label=1, probability=0.5, group="x")
