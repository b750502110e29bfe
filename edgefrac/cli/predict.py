"""``edgefrac predict``: radiographs in, probabilities and where to look out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefrac.cli.expiry import warn_if_expired
from edgefrac.cli.options import AsJson, Model, Processes, Ray, Window, parse_window, runner
from edgefrac.cli.output import note, results, track
from edgefrac.errors import UsageError

if TYPE_CHECKING:
    from edgefrac.archive.predict import Tally
    from edgefrac.prediction import FilePrediction


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE", help="Radiographs: PNG, JPEG, TIFF, DICOM and more; folders and zips of them."),
    ],
    model: Model = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the answers there as Parquet, or go on with it; see docs/archive.md."),
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the evidence map over each radiograph there.")
    ] = None,
    window: Window = None,
    processes: Processes = None,
    ray: Ray = None,
    as_json: AsJson = False,
) -> None:
    """Predict fractures, and where the evidence is."""
    if overlay and (out or processes or ray):
        raise UsageError("--overlay is drawn one by one by one process", hint="leave out --out, --processes and --ray")
    with results(as_json) as emit:
        from edgefrac.prediction import chosen_model

        window_choice = parse_window(window)
        chosen = chosen_model(model)
        expired = warn_if_expired(model)
        workers = runner(processes, ray)
        if out:
            from edgefrac.archive.predict import predict_archive

            tally = predict_archive(chosen, images, out, runner=workers, window=window_choice, note=note, track=track)
            document = asdict(tally) | {"out": str(out)} | ({"expired": expired} if expired else {})
            emit(document if as_json else _summary(tally, out))
        else:
            from edgefrac.archive.predicting import predict_files
            from edgefrac.prediction import OverlayFolder

            overlays = OverlayFolder(overlay) if overlay else None
            rows = predict_files(chosen, images, runner=workers, window=window_choice, overlays=overlays, track=track)
            if expired:
                rows = [row | {"expired": expired} for row in rows]
            emit(rows if as_json else _table(rows))
    if out:
        _leave(tally.errors, tally.unreadable, tally.undecoded)
    else:
        for row in rows:
            if "foreign" in row:
                note(f"{row['file']}: do not rely on this answer: {row['foreign']}")
            if "identifying" in row:
                note(f"{row['file']}: look before you pass the picture on: {row['identifying']}")
        errors = [row["error"] for row in rows if "error" in row]
        _leave(errors, len(errors), sum("missing_extra" in row for row in rows))


def _leave(errors: Sequence[str], unreadable: int, undecoded: int) -> None:
    """Name what was unreadable, and end with the status that says so."""
    for error in errors:
        note(f"error: {error}")
    if unreadable > len(errors):
        note(f"and {unreadable - len(errors)} more: the rows with an error name them")
    if unreadable:
        raise typer.Exit(3 if undecoded == unreadable else 2)


def _summary(tally: Tally, out: Path) -> str:
    before = f"; {tally.there_before} had their answer before" if tally.there_before else ""
    unreadable = f", {tally.unreadable} unreadable" if tally.unreadable else ""
    passed_over = f", {tally.no_image} files that are no images" if tally.no_image else ""
    return f"{out}: {tally.predicted} predicted, {tally.positive} positive{unreadable}{passed_over}{before}"


def _table(rows: Sequence[FilePrediction]) -> str:
    lines = []
    for row in rows:
        if "error" in row:
            continue
        peak = row["evidence_peak"]
        where = f"  look at x={peak[0]:.0f} y={peak[1]:.0f}" if peak else ""
        overlay = f"  {row['overlay']}" if "overlay" in row else ""
        verdict = f"{row['label']} (p={row['probability']:.3f}, threshold {row['threshold']:.3f})"
        lines.append(f"{row['file']}: {verdict}{_likeliest(row)}{where}{overlay}")
    return "\n".join(lines)


def _likeliest(row: FilePrediction) -> str:
    """The likeliest class of each further task; the type of a fracture only where there is one."""
    words = ""
    for name, classes in row.get("tasks", {}).items():
        if name != "type" or row["positive"]:
            best = max(classes, key=lambda c: classes[c])
            words += f"  {name}: {best} (p={classes[best]:.3f})"
    return words
