"""``edgefrac data``: audit of a data set, splits that do not leak, and phantoms."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import note, results, track

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Audit a data set, split it without leaks; make phantoms."
)


@app.command("audit")
def audit(
    data: Annotated[str, typer.Argument(metavar="DIR", help="Labelled radiographs: a folder or .zip.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the HTML report goes.")] = Path("audit.html"),
    split: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Stored split to search for leaks [default: the data's own].")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find unreadable files, copies, leaks, contradictions, impossible boxes and shortcuts; write an HTML report."""
    with results(as_json) as emit:
        from edgefrac.auditing import audit as run
        from edgefrac.datasets import load_folds, open_dataset
        from edgefrac.datasets.files import write_atomically
        from edgefrac.reporting.audit_page import audit_page

        folds = load_folds(split) if split else None
        dataset = open_dataset(data)
        note(f"{dataset.name}: {len(dataset)} radiographs")
        audited = run(dataset, split=folds, workers=_cores(), track=track)
        write_atomically(out, audit_page(audited.audit, audited.looks).encode("utf-8"))
        document = audited.audit.model_dump(mode="json", by_alias=True) | {"report": str(out)}
        emit(document if as_json else _audit_table(document))
    if audited.audit.finding("unreadable"):
        raise typer.Exit(2)


@app.command("split")
def split(
    data: Annotated[str, typer.Argument(metavar="DIR", help="Labelled radiographs: a folder or .zip.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the split goes.")] = Path("split.json"),
    folds: Annotated[int, typer.Option(min=2, help="Number of folds.")] = 5,
    seed: Annotated[int, typer.Option(help="Decides ties.")] = 0,
    stratify: Annotated[
        str, typer.Option(metavar="FACET", help="Deal the values of this facet, such as region, evenly too.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Deal a data set to folds that share no patient, no block of neighbouring ids and no near-duplicate."""
    with results(as_json) as emit:
        from edgefrac.datasets import find_duplicates, make_folds, open_dataset

        dataset = open_dataset(data)
        note(f"comparing {len(dataset)} radiographs for near-duplicates")
        duplicates = find_duplicates(dataset, workers=_cores(), track=track)
        made = make_folds(dataset, k=folds, seed=seed, duplicates=duplicates, stratify=stratify)
        made.save(out)
        sizes = [sum(fold == number for fold in made.fold_of.values()) for number in range(folds)]
        document = {"split": str(out), "folds": sizes, "excluded": made.excluded, "findings": made.findings}
        emit(document if as_json else _split_table(document))


@app.command("phantom")
def phantom(
    out: Annotated[Path, typer.Argument(help="Folder to write to.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of images.")] = 64,
    seed: Annotated[int, typer.Option(help="The same seed gives the same images.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Make phantoms: synthetic radiographs with exact labels and masks. Not clinical images."""
    with results(as_json) as emit:
        from edgefrac.datasets.phantom import phantom_dataset, write_phantoms

        dataset = phantom_dataset(count, seed)
        write_phantoms(dataset, out)
        document = {"out": str(out), "n": len(dataset), "positives": dataset.positives, "seed": seed}
        emit(document if as_json else f"{len(dataset)} phantoms, {dataset.positives} fractured, in {out}")


def _audit_table(document: dict[str, Any]) -> str:
    classes = ", ".join(f"{n} {name}" for name, n in document["classes"].items())
    lines = [f"{document['dataset']}: {document['n']} radiographs in {document['groups']} groups ({classes})"]
    for finding in document["findings"]:
        lines.append(f"  {finding['title']}: {finding['count']}")
        lines.append(f"    {finding['rule']}")
    for probe in document["probes"]:
        interval = "[{:.2f}, {:.2f}]".format(*probe["auroc_ci"]) if probe["auroc_ci"] else "(no interval)"
        lines.append(f"  AUROC by {probe['source']}: {probe['auroc']:.2f} {interval}, {probe['verdict']}")
    if document["probe_missing"]:
        lines.append(f"  shortcuts by probe: {document['probe_missing']}")
    return "\n".join([*lines, f"{len(document['excluded'])} left out of training; thumbnails: {document['report']}"])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _split_table(document: dict[str, Any]) -> str:
    sizes = ", ".join(str(size) for size in document["folds"])
    lines = [f"{document['split']}: folds of {sizes} radiographs; {len(document['excluded'])} excluded"]
    return "\n".join([*lines, *(f"  {finding}" for finding in document["findings"])])
