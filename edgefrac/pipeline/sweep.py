"""A sweep: trials of a training recipe with other values, each measured as the int8 file that a phone would run.

In the folder: ``sweep.db`` (the study, unless it is kept in a server), ``trials/<number>/`` (each trial's int8 file),
``sweep.json``, ``pareto.png`` and ``best.yaml``. The same command again goes on until the wanted number is reached.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import FrozenTrial, TrialState

from edgefrac import durable
from edgefrac.errors import MissingExtraError
from edgefrac.models.network import FractureNet
from edgefrac.pipeline.freezing import HeldOut
from edgefrac.pipeline.material import held_out_of
from edgefrac.pipeline.pruning import Milestone, falls_behind, flops, held_out_auroc
from edgefrac.pipeline.sweep_recipe import Objective, Sweep, Value
from edgefrac.pipeline.sweep_storage import DIRECTIONS, RETRY_OF, open_study, require_same, retry, suggest
from edgefrac.pipeline.sweep_trial import INT8, Arena, inner_recipe, latencies, material_of, open_arena, run_trial
from edgefrac.progress import Note, Track
from edgefrac.reporting.pareto import Point, draw_pareto
from edgefrac.runtimes.session import open_session
from edgefrac.training.milestones import Milestones
from edgefrac.verification.certificate import cpu_model

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_FAILURES_IN_A_ROW = 3
_REACHED = "auroc_after_epoch"


@dataclass(frozen=True)
class SweepRequest:
    """What ``edgefrac sweep`` was asked for; ``data`` and ``trials`` stand in for the recipes' own."""

    sweep: Sweep
    out: Path
    data: str | None = None
    trials: int | None = None
    storage: str | None = None


def run_sweep(request: SweepRequest, *, note: Note, track: Track, progress: bool = True) -> dict[str, Any]:
    """Run trials until the wanted number is finished or given up; returns the document of ``sweep.json``."""
    for module, extra in {"litert_torch": "tflite", "matplotlib": "sweep"}.items():
        if util.find_spec(module) is None:  # found out now, not after hours of training
            raise MissingExtraError("edgefrac sweep", extra)
    sweep, out = request.sweep, request.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise durable.refused(out, error) from error
    with open_study(sweep.recipe, request.storage or f"sqlite:///{out / 'sweep.db'}") as study:
        location = request.data or sweep.base.data.location or "phantom"
        arena = open_arena(sweep, location, out, note, track)
        require_same(study, _identity(sweep, arena))
        _Trials(study, sweep, arena, note, track, progress).run(request.trials or sweep.recipe.trials)
        trials = study.get_trials(deepcopy=False)
    document = _document(sweep, arena, trials)
    _write_best(request, document)
    durable.write(out / "pareto.png", _figure(document))
    durable.write(out / "sweep.json", json.dumps(document, indent=1, allow_nan=False).encode())
    return document


@dataclass
class _Trials:
    """Runs trials one after the other; a failed one is noted and left, several in a row end the sweep."""

    study: optuna.Study
    sweep: Sweep
    arena: Arena
    note: Note
    track: Track
    progress: bool
    failures: list[Exception] = field(default_factory=list)

    def run(self, wanted: int) -> None:
        while (done := len(self.study.get_trials(deepcopy=False, states=FINISHED))) < wanted:
            self.note(f"{done} of {wanted} trials done")
            self.study.optimize(self._one, n_trials=1, catch=(Exception,))
            if self.failures and (
                len(self.failures) == _FAILURES_IN_A_ROW or isinstance(self.failures[-1], ModuleNotFoundError)
            ):
                raise self.failures[-1]

    def _one(self, trial: optuna.Trial) -> list[float]:
        values = suggest(trial, self.sweep.recipe.search)
        self.note(f"trial {trial.number}: {in_words(values)}")
        started = time.monotonic()
        folder = self.arena.folder / "trials" / str(trial.number)
        try:
            measured = self._measure(trial, values, folder)
        except optuna.TrialPruned as pruned:
            shutil.rmtree(folder, ignore_errors=True)
            self.note(f"trial {trial.number}: given up, {pruned}")
            self.failures.clear()
            raise
        except KeyboardInterrupt:
            retry(self.study, trial)
            raise
        except Exception as error:
            trial.set_user_attr("error", f"{type(error).__name__}: {error}")
            self.note(f"trial {trial.number}: failed ({error})")
            self.failures.append(error)
            raise
        finally:
            trial.set_user_attr("seconds", round(time.monotonic() - started, 1))
        self.failures.clear()
        for key, value in measured.items():
            trial.set_user_attr(key, value)
        self.note(f"trial {trial.number}: AUROC {measured['auroc']:.3f}, int8 {measured['latency_ms']:.2f} ms")
        return [measured[objective] for objective in self.sweep.recipe.objectives]

    def _measure(self, trial: optuna.Trial, values: Mapping[str, Value], folder: Path) -> dict[str, Any]:
        recipe = inner_recipe(self.sweep.trial(values), self.arena)
        arithmetic = flops(recipe.architecture, recipe.input_size)
        for key, value in {"seed": recipe.seed, "cpu": cpu_model(), "flops": arithmetic}.items():
            trial.set_user_attr(key, value)
        material = material_of(recipe, self.arena, self.track)
        _, held_out = held_out_of(material, self.arena.validation)
        watch = Milestones(self.sweep.recipe.pruning.epochs, self._judge(trial, arithmetic, held_out))
        return run_trial(recipe, material, folder, [watch], note=self.note, track=self.track, progress=self.progress)

    def _judge(self, trial: optuna.Trial, arithmetic: int, held_out: HeldOut) -> Callable[[int, FractureNet], None]:
        reached: dict[str, float] = {}

        def judge(epoch: int, network: FractureNet) -> None:
            auroc = held_out_auroc(network, held_out)
            reached[str(epoch)] = auroc
            trial.set_user_attr(_REACHED, reached)
            others = [
                Milestone(other.user_attrs[_REACHED][str(epoch)], other.user_attrs["flops"])
                for other in self.study.get_trials(deepcopy=False, states=FINISHED)
                if str(epoch) in other.user_attrs.get(_REACHED, {})
            ]
            if falls_behind(Milestone(auroc, arithmetic), others, self.sweep.recipe.pruning.startup):
                raise optuna.TrialPruned(f"AUROC {auroc:.3f} after epoch {epoch}")

        return judge


def front(rows: Sequence[Mapping[str, Any]], objectives: Sequence[Objective]) -> list[int]:
    """Numbers of the complete trials than which no other is better in one objective and as good in all, fastest first.

    Each of ``rows`` has ``number`` and ``values``, which are None for a trial that is not complete.
    """
    signs = [-1 if DIRECTIONS[objective] == "maximize" else 1 for objective in objectives]
    costs = {
        row["number"]: tuple(sign * row["values"][o] for sign, o in zip(signs, objectives, strict=True))
        for row in rows
        if row["values"]
    }
    best = [
        number
        for number, cost in costs.items()
        if not any(other != cost and all(a <= b for a, b in zip(other, cost, strict=True)) for other in costs.values())
    ]
    latency = {row["number"]: row["values"]["latency_ms"] for row in rows if row["values"]}
    return sorted(best, key=lambda number: latency[number])


def in_words(values: Mapping[str, Value]) -> str:
    """Values of a trial in one line."""
    shown = {key: f"{value:.3g}" if isinstance(value, float) else value for key, value in values.items()}
    return ", ".join(f"{key} {value}" for key, value in shown.items())


def _identity(sweep: Sweep, arena: Arena) -> dict[str, str]:
    """What trials of one study have in common, as digests."""
    parts = {
        "base": sweep.base.model_dump_json(),
        "recipe": sweep.recipe.model_dump_json(exclude={"base", "trials"}),
        "data": arena.inner.model_dump_json(),
    }
    return {name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in parts.items()}


def _document(sweep: Sweep, arena: Arena, trials: Sequence[FrozenTrial]) -> dict[str, Any]:
    together = _timed_together(arena.folder, trials)
    rows = [_row(trial, together) for trial in trials if trial.state.is_finished()]
    on_front = front(rows, sweep.recipe.objectives)
    values = {row["number"]: row["values"] for row in rows}
    return {
        "schema": "edgefrac.sweep/1",
        "name": sweep.recipe.name,
        "recipe": sweep.recipe.model_dump(mode="json"),
        "base": sweep.base.model_dump(mode="json"),
        "data": {
            "name": arena.outer.dataset,
            "folds": arena.outer.k,
            "reported_fold_never_used": sweep.base.data.fold,
            "validation_fold": arena.validation,
        },
        "cpu": cpu_model(),
        "latency": "all files in turns" if together else "each file within its trial",
        "trials": rows,
        "front": on_front,
        "best": max(on_front, key=lambda number: values[number]["auroc"]),
    }


def _timed_together(folder: Path, trials: Sequence[FrozenTrial]) -> dict[int, dict[str, Any]]:
    """Latencies of all complete trials, measured in turns; empty where another machine has some of their files."""
    complete = [trial.number for trial in trials if trial.state == TrialState.COMPLETE]
    files = [folder / "trials" / str(number) / INT8 for number in complete]
    if not all(file.is_file() for file in files):
        return {}
    return dict(zip(complete, latencies([open_session(file) for file in files]), strict=True))


def _row(trial: FrozenTrial, together: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    facts = {**trial.user_attrs, **together.get(trial.number, {})}
    complete = trial.state == TrialState.COMPLETE
    others = ("auroc_ci", "latency_quartiles", "n", "positives", _REACHED, "flops", "seed", "cpu", "seconds")
    return {
        "number": trial.number,
        "state": trial.state.name.lower(),
        "params": trial.params,
        "values": {name: facts[name] for name in DIRECTIONS} if complete else None,
        **{name: facts[name] for name in (*others, RETRY_OF, "error") if name in facts},
    }


def _write_best(request: SweepRequest, document: Mapping[str, Any]) -> None:
    """The base recipe with the best trial's values, at full length, on the split whose reported fold was kept away."""
    sweep = request.sweep
    params = next(row["params"] for row in document["trials"] if row["number"] == document["best"])
    recipe = sweep.best(params).model_dump(mode="json")
    recipe["name"] = f"{sweep.recipe.name}-best"
    recipe["data"]["split"] = "split.json"
    if request.data:
        recipe["data"] |= {"path": request.data, "columns": {}}
    text = (
        f"# Trial {document['best']} of the sweep '{sweep.recipe.name}': {in_words(params)}.\n"
        f"# Everything else is as in its base recipe, '{sweep.base.name}'; split.json lies beside this file.\n"
    )
    durable.write(request.out / "best.yaml", (text + yaml.safe_dump(recipe, sort_keys=False)).encode())


def _figure(document: Mapping[str, Any]) -> bytes:
    complete = [row for row in document["trials"] if row["values"]]
    points = [
        Point(
            row["number"],
            row["values"]["auroc"],
            row["auroc_ci"],
            row["values"]["latency_ms"],
            row["latency_quartiles"],
            row["number"] in document["front"],
        )
        for row in complete
    ]
    states = [row["state"] for row in document["trials"]]
    data = document["data"]
    caption = (
        f"{len(complete)} trials complete, {states.count('pruned')} given up early, {states.count('fail')} failed. "
        f"Validated on {complete[0]['n']} images ({complete[0]['positives']} fractured) of fold "
        f"{data['validation_fold']};\nfold {data['reported_fold_never_used']} was kept out of the sweep. "
        f"Latency: {document['latency']}, {document['cpu']}."
    )
    return draw_pareto(points, f"Sweep '{document['name']}' on {data['name']}", caption)
