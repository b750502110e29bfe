"""``edgefrac train``: a recipe in, a checkpoint out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import note, results, track


def train(
    recipe: Annotated[str, typer.Argument(help="Training recipe: a YAML file, or the name of a bundled one.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Recipe values to change.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Labelled radiographs [default: the recipe's, else phantoms].")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run's folder goes.")] = Path("runs"),
    all_folds: Annotated[bool, typer.Option("--all-folds", help="Cross-validate: train every fold.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last epoch that was finished.")] = False,
    preview: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Train nothing: draw what training would see, as a PNG.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a network by a recipe, and measure it on an unseen fold."""
    with results(as_json) as emit:
        from edgefrac.recipes import find_recipe

        path = find_recipe("train", recipe)  # before the imports that take seconds
        from edgefrac.pipeline.material import StudyRequest
        from edgefrac.pipeline.study import run_study
        from edgefrac.recipes.reading import read_recipe
        from edgefrac.training.recipe import Recipe

        validated = read_recipe(path, Recipe, overrides or ())
        where = data or validated.data.location or "phantom"
        if preview:
            from edgefrac.pipeline.preview import write_preview

            shown = write_preview(validated, where, preview, track)
            emit({"preview": str(preview), "radiographs": shown} if as_json else f"{preview}: {len(shown)} radiographs")
            return
        request = StudyRequest(validated, where, out, resume, all_folds, path.parent)
        document = run_study(request, note=note, track=track)
        if document:  # one of several processes gives the results
            emit(document if as_json else _table(document))


def _table(document: dict[str, Any]) -> str:
    import json

    return "\n".join([*document["checkpoints"], "out of fold: " + json.dumps(document["out_of_fold"], indent=1)])
