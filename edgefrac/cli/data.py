"""``edgefrac data``: public data sets, their audit, splits that do not leak, and phantoms."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import note, results, track


class PhantomFormat(StrEnum):
    """What phantoms are written as."""

    png = "png"
    dicom = "dicom"


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Fetch and audit data sets, split them without leaks; make phantoms.",
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
        from edgefrac import durable
        from edgefrac.auditing import audit as run
        from edgefrac.datasets import load_folds, open_dataset
        from edgefrac.reporting.audit_page import audit_page
        from edgefrac.workers.pool import usable_cores

        durable.require_writable(out.parent)
        folds = load_folds(split) if split else None
        dataset = open_dataset(data)
        note(f"{dataset.name}: {len(dataset)} radiographs")
        audited = run(dataset, split=folds, workers=usable_cores(), track=track)
        durable.write(out, audit_page(audited.audit, audited.looks).encode("utf-8"))
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
        from edgefrac import durable
        from edgefrac.datasets import find_duplicates, make_folds, open_dataset
        from edgefrac.workers.pool import usable_cores

        durable.require_writable(out.parent)
        dataset = open_dataset(data)
        note(f"comparing {len(dataset)} radiographs for near-duplicates")
        duplicates = find_duplicates(dataset, workers=usable_cores(), track=track)
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
    difficulty: Annotated[str | None, typer.Option(help="easy, medium or hard fractures alone [default: all].")] = None,
    task: Annotated[str, typer.Option(help="fracture: yes or no; type: which type.")] = "fracture",
    modality: Annotated[str, typer.Option(help="xray, ct or mr.")] = "xray",
    form: Annotated[PhantomFormat, typer.Option("--format", help="Of the image files.")] = PhantomFormat.png,
    sheet: Annotated[Path | None, typer.Option(metavar="FILE", help="Also draw all on one sheet, a PNG.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make phantoms: synthetic radiographs with exact labels and masks. Not clinical images."""
    with results(as_json) as emit:
        from edgefrac import durable
        from edgefrac.datasets.phantom import contact_sheet, phantom_dataset, write_phantoms

        dataset = phantom_dataset(count, seed, difficulty=difficulty, task=task, modality=modality)
        write_phantoms(dataset, out, form.value, track)
        if sheet:
            durable.write(sheet, contact_sheet(dataset))
        positives = sum(sample.label > 0 for sample in dataset.samples)
        document = {"out": str(out), "n": len(dataset), "positives": positives, "seed": seed}
        emit(document if as_json else f"{len(dataset)} phantoms, {positives} fractured, in {out}")


@app.command("fetch")
def fetch(
    name: Annotated[str | None, typer.Argument(help="Which data set; without it, all are listed.")] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to download to.")] = Path("data"),
    as_json: AsJson = False,
) -> None:
    """Download a public data set, checked against its publisher's checksums; goes on where it was interrupted."""
    with results(as_json) as emit:
        from edgefrac.datasets.catalogue import PUBLIC_SETS
        from edgefrac.datasets.fetch import fetch as download
        from edgefrac.datasets.fetch import find_public_set

        if name is None:
            listed = {key: asdict(known) for key, known in PUBLIC_SETS.items()}
            emit(listed if as_json else _catalogue_table(listed))
            return
        wanted = find_public_set(name)
        note(f"{wanted.title}; licence {wanted.licence}; name it: {wanted.attribution}")
        fetched = download(wanted, out / name.lower(), note=note, track=track)
        document = {
            "name": name.lower(),
            "location": str(fetched.location),
            "files": [{"path": str(path), "bytes": file.size, "md5": file.md5} for path, file in fetched.files],
            "licence": wanted.licence,
            "attribution": wanted.attribution,
        }
        emit(document if as_json else f"{fetched.location}: {len(fetched.files)} files, whole; give it as --data")


def _catalogue_table(listed: dict[str, dict[str, Any]]) -> str:
    lines = []
    for name, known in listed.items():
        how = f"{known['size']}, {known['licence']}" if known["api"] else f"not downloadable: {known['licence']}"
        lines += [name, f"  {known['title']}", f"  {how}", f"  {known['page']}"]
    return "\n".join(lines)


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


def _split_table(document: dict[str, Any]) -> str:
    sizes = ", ".join(str(size) for size in document["folds"])
    lines = [f"{document['split']}: folds of {sizes} radiographs; {len(document['excluded'])} excluded"]
    return "\n".join([*lines, *(f"  {finding}" for finding in document["findings"])])
