"""``edgefrac explain``: where a model sees what it says of a radiograph, and how sure one may be of that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefrac.cli.expiry import warn_if_expired
from edgefrac.cli.options import AsJson, Model, Window, parse_window
from edgefrac.cli.output import note, results

if TYPE_CHECKING:
    from edgefrac.explanation import ExplanationRow


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Radiograph: PNG, JPEG, TIFF, DICOM and more.")],
    model: Model = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="Further model files to see beside it, on one sheet; may be repeated."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="PNG", help="Write the picture there.")] = None,
    window: Window = None,
    as_json: AsJson = False,
) -> None:
    """Show where the evidence is, how much each place adds, and whether it is localised at all."""
    with results(as_json) as emit:
        from edgefrac.explanation import explain_guarded
        from edgefrac.prediction import chosen_model

        warn_if_expired(model)
        models = [chosen_model(path) for path in (model, *(compare or ()))]
        rows, sheet = explain_guarded(models, image, parse_window(window), drawing=out is not None)
        if out:
            from edgefrac.imaging.overlay import save_overlay

            save_overlay(sheet, out)
            for row in rows:
                row["overlay"] = str(out)
        if "identifying" in rows[0]:
            note(f"{image}: look before you pass the picture on: {rows[0]['identifying']}")
        emit(rows if as_json else "\n\n".join(map(_text, rows)))


def _text(row: ExplanationRow) -> str:
    from edgefrac.explanation import IN_WORDS

    verdict = f"{row['label']} (p={row['probability']:.3f}, threshold {row['threshold']:.3f})"
    lines = [f"{row['file']}, {row['model']} ({row['precision']}): {verdict}"]
    if "correlation" in row:
        lines.append(f"  its map correlates {row['correlation']:.4f} with the first one's")
    if "foreign" in row:
        lines.append(f"  do not rely on this answer: {row['foreign']}")
    lines.append(f"  log-odds {row['log_odds']:+.2f} in all; {IN_WORDS[row['finding']]}")
    for region in row["regions"]:
        x, y, width, height = region["box"]
        where = f"x={x:.0f} y={y:.0f}, {width:.0f} by {height:.0f} pixels"
        lines.append(f"  {region['share']:4.0%} of the evidence, {region['log_odds']:+.2f}: {where}")
    return "\n".join(lines)
