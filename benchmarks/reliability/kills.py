"""``kill -9`` at random moments of training, export, sweep and bench: is anything broken, lost or other than without?

    python -m benchmarks.reliability.kills [--train 50] [--export 50] [--sweep 5] [--bench 5] [--seed 1] [--out FILE]

Moments are uniform over the time that an uninterrupted run takes, from its start on; a killed run is resumed (and
killed again) until its end, and must then be what the uninterrupted one is, byte for byte. After each kill every file
under a final name is read to its end. The whole process group is killed. Logs of lines (TensorBoard's, ``metrics.csv``)
are left out: they are appended to, and may end in the middle of a line.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import optuna
from optuna.trial import TrialState
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.reliability.folders import broken, digests, unfinished
from benchmarks.reliability.killing import FailedError, Killed, kill_after, run
from benchmarks.reliability.preparing import prepare
from benchmarks.reliability.toy import GATED, RELEASE, edgefrac
from edgefrac.bundle import check, open_bundle
from edgefrac.verification.certificate import cpu_model

Tick = Callable[[], object]


def kill_training(work: Path, kills: int, chance: random.Random, tick: Tick) -> Killed:
    """Resume each run until it ends, and compare all that it leaves with an uninterrupted one."""
    result = Killed("train")
    command = edgefrac("train", work / "train.yaml", "--out", "runs", "--resume")
    straight = _folder(work / "straight")
    result.seconds_uninterrupted = run(command, straight)
    wanted = digests(straight / "runs")
    while result.kills < kills:
        cut = _folder(work / f"cut{result.runs_that_ended}")
        for seconds in _moments(chance, result, kills):
            if not kill_after(seconds, command, cut):
                break
            result.struck(seconds, unfinished(cut / "runs"), broken(cut / "runs"))
            tick()
        else:
            run(command, cut)
        result.runs_that_ended += 1
        result.compare(wanted, digests(cut / "runs"))
        result.unfinished_at_the_end += unfinished(cut / "runs")
    return result


def kill_export(work: Path, kills: int, chance: random.Random, tick: Tick) -> Killed:
    """Two bundles take turns in one place: there must be one of them, whole, or none."""
    result = Killed("export")
    commands = {
        name: edgefrac("export", RELEASE, "--recipe", f"{name}.yaml", "--data", GATED, "--out", "out/bundle")
        for name in ("export", "other-export")
    }
    wanted = {}
    for name, command in commands.items():
        result.seconds_uninterrupted = run(command, work)
        wanted[name] = digests(work / "out" / "bundle")
    there = "other-export"
    for seconds in _moments(chance, result, kills):
        name = "export" if there == "other-export" else "other-export"
        if kill_after(seconds, commands[name], work):
            result.struck(seconds, unfinished(work / "out"), broken(work / "out"))
            tick()
        else:
            result.runs_that_ended += 1
        found = _which(work / "out" / "bundle", wanted, result)
        result.found[found] = result.found.get(found, 0) + 1
        there = found if found in wanted else there
    for name, command in commands.items():
        run(command, work)
        result.compare(wanted[name], digests(work / "out" / "bundle"))
    result.unfinished_at_the_end += unfinished(work / "out")
    return result


def _which(bundle: Path, wanted: dict[str, dict[str, str]], result: Killed) -> str:
    """Which of the two is there, or "none"."""
    if not bundle.exists():
        return "none"
    result.broken_under_a_final_name += [f"kill {result.kills}: {problem}" for problem in check(open_bundle(bundle))]
    got = digests(bundle)
    for name, files in wanted.items():
        if files == got:
            return name
    result.broken_under_a_final_name.append(f"kill {result.kills}: the bundle is neither the former nor the new one")
    return "neither"


def kill_sweep(work: Path, kills: int, chance: random.Random, tick: Tick) -> Killed:
    """The trials that end are those of an uninterrupted sweep, each once."""
    result = Killed("sweep")
    result.seconds_uninterrupted = run(edgefrac("sweep", "sweep.yaml", "--out", "straight-sweep"), work)
    wanted = _trials(work / "straight-sweep")
    while result.kills < kills:
        out = f"cut-sweep{result.runs_that_ended}"
        command = edgefrac("sweep", "sweep.yaml", "--out", out)
        for seconds in _moments(chance, result, kills):
            if not kill_after(seconds, command, work):
                break
            result.struck(seconds, unfinished(work / out), broken(work / out))
            tick()
        else:
            run(command, work)
        result.runs_that_ended += 1
        if _trials(work / out) != wanted:
            result.other_than_uninterrupted.append(f"{out}: {_trials(work / out)} instead of {wanted}")
        result.broken_under_a_final_name += broken(work / out)
        result.unfinished_at_the_end += unfinished(work / out)
    return result


def _trials(folder: Path) -> list[tuple[str, float]]:
    """Values and AUROC of the trials that are complete; their latency is measured, and never the same."""
    study = optuna.load_study(study_name="endure-sweep", storage=f"sqlite:///{folder / 'sweep.db'}")
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted((json.dumps(trial.params, sort_keys=True), trial.user_attrs["auroc"]) for trial in complete)


def kill_bench(work: Path, kills: int, chance: random.Random, tick: Tick) -> Killed:
    """The document is there whole, or not at all."""
    result = Killed("bench")
    report = work / "reports" / "bench.json"
    command = edgefrac("bench", RELEASE, "--device", "cpu", "--seconds", "0.2", "--report", report, "--data", GATED)
    result.seconds_uninterrupted = run(command, work)
    report.unlink()
    for seconds in _moments(chance, result, kills):
        if kill_after(seconds, command, work):
            result.struck(seconds, unfinished(report.parent), broken(report.parent))
            tick()
        else:
            result.runs_that_ended += 1
        found = "whole" if report.exists() else "none"
        result.found[found] = result.found.get(found, 0) + 1
        report.unlink(missing_ok=True)
    run(command, work)
    result.unfinished_at_the_end += unfinished(report.parent)
    return result


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _moments(chance: random.Random, result: Killed, kills: int) -> Iterator[float]:
    """Until there are enough kills."""
    while result.kills < kills:
        yield chance.uniform(0, result.seconds_uninterrupted)


KILLERS = {"train": kill_training, "export": kill_export, "sweep": kill_sweep, "bench": kill_bench}


def main() -> None:
    """Kill, look, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, usual in {"train": 50, "export": 50, "sweep": 5, "bench": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=usual, metavar="KILLS")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write what was found there as JSON")
    given = parser.parse_args()
    columns = TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn()
    results = []
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as bar:
        prepare(Path(folder))
        for name, killer in KILLERS.items():
            if not (kills := getattr(given, name)):
                continue
            task = bar.add_task(f"kills of {name}", total=kills)
            try:
                found = killer(Path(folder), kills, random.Random(given.seed), lambda task=task: bar.advance(task))
            except FailedError as error:
                found = Killed(name, failed=[str(error)])
            results.append(found)
            print(_in_words(found), flush=True)
    if given.out:
        document = {"seed": given.seed, "cpu": cpu_model(), "commands": [asdict(found) for found in results]}
        given.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if any(found.faults for found in results):
        raise SystemExit(1)


def _in_words(found: Killed) -> str:
    lines = [
        f"{found.command}: {found.kills} kills at random moments of {found.seconds_uninterrupted:.1f} s, "
        f"{found.kills_that_left_something_unfinished} left something unfinished; {found.runs_that_ended} runs ended; "
        f"broken under a final name: {len(found.broken_under_a_final_name)}; other than uninterrupted: "
        f"{len(found.other_than_uninterrupted)}; unfinished at the end: {len(found.unfinished_at_the_end)}",
        *(f"  {name}: {count}" for name, count in found.found.items()),
        *(f"  FAULT {fault}" for fault in found.faults),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
