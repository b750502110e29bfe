"""``edgefrac predict``: radiographs in, probabilities and where to look out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefrac.cli.options import AsJson, Model, Window, parse_window
from edgefrac.cli.output import note, results

if TYPE_CHECKING:
    from edgefrac.prediction import FilePrediction


def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE", help="Radiographs: PNG, JPEG, TIFF, DICOM and more.")
    ],
    model: Model = None,
    overlay: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the evidence map over each radiograph there.")
    ] = None,
    window: Window = None,
    as_json: AsJson = False,
) -> None:
    """Predict fractures, and where the evidence is."""
    with results(as_json) as emit:
        from edgefrac.prediction import OverlayFolder, load, predict_file

        window_choice = parse_window(window)
        session = load(model)
        overlays = OverlayFolder(overlay) if overlay else None
        rows = [predict_file(session, image, window_choice, overlays) for image in images]
        emit(rows if as_json else _table(rows))
    for row in rows:
        if "foreign" in row:
            note(f"{row['file']}: do not rely on this answer: {row['foreign']}")
    unreadable = [row for row in rows if "error" in row]
    for row in unreadable:
        note(f"error: {row['error']}")
    if unreadable:
        raise typer.Exit(3 if all("missing_extra" in row for row in unreadable) else 2)


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
