"""The Pareto front, and values that depend on seed and trial number alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from edgefrac.pipeline.sweep import front
from edgefrac.pipeline.sweep_recipe import SweepRecipe, Value
from edgefrac.pipeline.sweep_storage import open_study, retry, suggest
from edgefrac.pipeline.sweep_trial import latencies
from edgefrac.reporting.pareto import Point, draw_pareto

RECIPE = SweepRecipe.model_validate(
    {
        "name": "s",
        "base": "toy",
        "trials": 12,
        "search": {
            "evidence.weight": {"low": 0.5, "high": 4.0},
            "optimiser.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "optimiser.batch_size": {"low": 4, "high": 32, "step": 4},
            "architecture": {"choices": ["a", "b"]},
        },
    }
)


def row(number: int, auroc: float, latency: float, size: int = 1) -> dict[str, Any]:
    return {"number": number, "values": {"auroc": auroc, "latency_ms": latency, "bytes": size}}


def test_on_the_front_is_what_nothing_beats() -> None:
    rows = [
        row(0, 0.80, 5.0),
        row(1, 0.90, 9.0),
        row(2, 0.80, 6.0),  # as accurate as 0, and slower
        row(3, 0.79, 5.0),  # as fast as 0, and less accurate
        {"number": 4, "values": None},
        row(5, 0.70, 1.0),
        row(6, 0.85, 12.0),  # worse than 1 in both
    ]
    assert front(rows, ("auroc", "latency_ms")) == [5, 0, 1]


def test_another_objective_widens_the_front() -> None:
    rows = [row(0, 0.8, 5.0, 300), row(1, 0.7, 6.0, 100), row(2, 0.7, 7.0, 100)]
    assert front(rows, ("auroc", "latency_ms")) == [0]
    assert front(rows, ("auroc", "latency_ms", "bytes")) == [0, 1]
    assert front(rows, ("auroc",)) == [0]


def _objective(values: Mapping[str, Value]) -> list[float]:
    return [float(values["evidence.weight"]), float(values["optimiser.batch_size"])]


def drawn(folder: Path, sessions: int) -> list[dict[str, Any]]:
    """Parameters of twelve trials, run in so many sessions one after the other."""
    url = f"sqlite:///{folder / 'sweep.db'}"

    for _ in range(sessions):
        with open_study(RECIPE, url) as study:
            study.optimize(lambda trial: _objective(suggest(trial, RECIPE.search)), n_trials=12 // sessions)
            trials = study.get_trials()
    return [trial.params for trial in trials]


def test_a_sweep_in_parts_draws_what_it_draws_in_one_go(tmp_path: Path) -> None:
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = drawn(tmp_path / "whole", 1)
    assert whole == drawn(tmp_path / "parts", 3)
    assert len({params["evidence.weight"] for params in whole}) == 12
    assert {params["architecture"] for params in whole} == {"a", "b"}
    assert all(params["optimiser.batch_size"] % 4 == 0 for params in whole)
    # evenly over the logarithm: about half of them in each decade
    assert 3 <= sum(params["optimiser.learning_rate"] < 1e-3 for params in whole) <= 9


@pytest.mark.parametrize("drawn_values", [0, 1, 3, 4])
def test_a_sweep_that_was_killed_draws_what_it_would_have_drawn(drawn_values: int, tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    url, some = f"sqlite:///{tmp_path / 'killed' / 'sweep.db'}", dict(list(RECIPE.search.items())[:drawn_values])
    whole, ended = drawn(tmp_path / "whole", 1), []
    for _ in range(6):
        with open_study(RECIPE, url) as study:
            study.optimize(lambda trial: _objective(suggest(trial, RECIPE.search)), n_trials=2)
            suggest(study.ask(), some)  # and there it was killed, once between two calls of the next start
            ended = [trial.params for trial in study.get_trials(states=(TrialState.COMPLETE,))]
            if len(ended) == 6:
                retry(study, next(iter(study.get_trials(states=(TrialState.RUNNING,)))))
    assert ended == whole


def test_sessions_are_timed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    clock = 0.0

    class Timed:
        def __init__(self, name: str, seconds: float) -> None:
            self.name, self.seconds = name, seconds
            self.contract = type("C", (), {"input": type("I", (), {"size": 8})})

        def predict(self, network_input: np.ndarray) -> None:
            nonlocal clock
            clock += self.seconds * (1 if len(order) > 12 else 100)  # first runs are slow, and not counted
            order.append(self.name)

    monkeypatch.setattr("edgefrac.pipeline.sweep_trial.time.perf_counter", lambda: clock)
    sessions: Any = [Timed("a", 0.002), Timed("b", 0.003)]
    found = latencies(sessions)
    assert order[:4] == ["a", "b", "a", "b"] and order.count("a") == order.count("b")
    assert [f["latency_ms"] for f in found] == [pytest.approx(2), pytest.approx(3)]
    assert found[0]["latency_quartiles"] == [pytest.approx(2), pytest.approx(2)]


@pytest.mark.parametrize("others", [0, 2])
def test_the_figure_is_drawn_with_and_without_trials_off_the_front(others: int) -> None:
    points = [Point(n, 0.8, (0.7, 0.9), 5.0 + n, (4.9 + n, 5.2 + n), n == 0) for n in range(1 + others)]
    assert draw_pareto(points, "title", "caption").startswith(b"\x89PNG")
