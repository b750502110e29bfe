"""``edgefrac evaluate``: how good a model file is on labelled radiographs, with intervals and by slice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefrac.cli.expiry import warn_if_expired
from edgefrac.cli.options import AsJson, Model, Processes, Ray, runner
from edgefrac.cli.output import note, results, track
from edgefrac.errors import UsageError

if TYPE_CHECKING:
    from edgefrac.runtimes.session import Session


def evaluate(
    data: Annotated[str, typer.Option(metavar="DIR", help="Labelled radiographs: FracAtlas, or a folder of classes.")],
    model: Model = None,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Count radiographs that the model was trained on too.")
    ] = False,
    split: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Evaluate on one fold of this stored split only.")
    ] = None,
    fold: Annotated[int, typer.Option(min=0, help="The held-out fold of --split.")] = 0,
    explanations: Annotated[
        bool, typer.Option("--explanations", help="Judge the evidence maps too, where fractures are marked.")
    ] = False,
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside", metavar="FILE", help="With --explanations: hold this model's maps against it; repeatable."
        ),
    ] = None,
    processes: Processes = None,
    ray: Ray = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model on labelled radiographs, by slice."""
    with results(as_json) as emit:
        from edgefrac.datasets import fracture_task, load_folds, open_dataset
        from edgefrac.evaluation import evaluate as run
        from edgefrac.evaluation import judged_on
        from edgefrac.prediction import load
        from edgefrac.workers.pool import Pool

        folds = load_folds(split) if split else None
        dataset = fracture_task(open_dataset(data))
        for finding in dataset.findings:
            note(f"{dataset.name}: {finding}")
        session = load(model)
        warn_if_expired(model)
        if beside and not explanations:
            raise UsageError("--beside holds evidence maps against each other", hint="add --explanations")
        report = run(
            session,
            dataset,
            include_seen=include_seen,
            split=folds,
            fold=fold,
            track=track,
            runner=runner(processes, ray) or Pool(1),
        )
        if explanations:
            from edgefrac.trust import explanation_figures

            samples, seen = judged_on(session, dataset, include_seen=include_seen, split=folds, fold=fold)
            report["explanations"] = explanation_figures(
                session,
                samples,
                seen,
                beside=[load(path) for path in beside or []],
                randomised=_randomised(session),
                track=track,
            )
        emit(report if as_json else _table(report))
    for problem in report["unreadable"]:
        note(f"unreadable: {problem}")
    if report["unreadable"]:
        raise typer.Exit(2)


def _randomised(session: Session) -> list[tuple[str, Session]]:
    """The networks of the randomisation test: only a checkpoint has weights to shuffle."""
    from edgefrac.runtimes.session import ModelKind, model_kind

    if model_kind(session.path) is not ModelKind.CHECKPOINT:
        return []
    from edgefrac.verification.randomisation import randomised

    return list(randomised(session.path))


def _table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['n']} radiographs, {report['positives']} fractured;"
        f" {report['left_out_seen_in_training']} left out because the model was trained on them",
        *_figures(report),
        f"calibration error (ECE)  {report['ece']:.3f}",
    ]
    if "foreign" in report:
        lines.append(f"look unlike the training radiographs  {_with_interval(report, 'foreign')}")
    if "pointing_game" in report:
        game = report["pointing_game"]
        lines.append(
            f"evidence peak in a fracture box  {_with_interval(game, 'inside')} of {game['n']};"
            f" in it or within {game['tolerance']:.0%} of the longer side  {_with_interval(game, 'near')}"
        )
    if "explanations" in report:
        lines += _explanations(report["explanations"])
    for name, part in report["slices"].items():
        lines.append(f"{name}  n={part['n']} positives={part['positives']}")
        lines.extend(f"  {line}" for line in _figures(part))
    return "\n".join(lines)


def _explanations(found: dict[str, Any]) -> list[str]:
    names = _measured(found)
    lines = [f"evidence maps of {found['n']} radiographs with marked fractures"]
    lines += [f"  {name:<17} {_with_interval(found, name)}" for name in names]
    for name, part in found["slices"].items():
        shown = ", ".join(f"{figure} {part[figure]:.2f}" for figure in names)
        lines.append(f"  {name}, n={part['n']}: {shown}")
    for other in found.get("beside", []):
        lines.append(f"  beside {other['model']}: {_all_with_intervals(other)}")
    if "randomisation" in found:
        steps, passed = found["randomisation"]["steps"], found["randomisation"]["passed"]
        lines += [f"  weights shuffled down to {step['shuffled']}: {_all_with_intervals(step)}" for step in steps]
        verdict = {True: "passed", False: "not passed", None: "undecided, too few groups"}[passed]
        lines.append(f"  randomisation test: {verdict}")
    return lines


def _measured(document: dict[str, Any]) -> list[str]:
    return [name for name in document if f"{name}_ci" in document]


def _all_with_intervals(document: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_with_interval(document, name)}" for name in _measured(document))


def _figures(figures: dict[str, Any]) -> list[str]:
    return [f"{name:<12} {_with_interval(figures, name)}" for name in ("auroc", "sensitivity", "specificity")]


def _with_interval(figures: dict[str, Any], name: str) -> str:
    if figures[name] is None:
        return "– (only one class)"
    if figures[f"{name}_ci"] is None:
        return f"{figures[name]:.3f} (too few for an interval)"
    low, high = figures[f"{name}_ci"]
    return f"{figures[name]:.3f} [{low:.3f}, {high:.3f}]"
