"""``edgefrac train``: a recipe in, a checkpoint out."""

from __future__ import annotations

from typing import Annotated

import typer

from edgefrac.cli.options import Data


def train(
    recipe: Annotated[str, typer.Argument(help="Training recipe: a YAML file, or the name of a bundled one.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Recipe values to change.")
    ] = None,
    data: Data = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last epoch that was finished.")] = False,
) -> None:
    """Train a student network by a recipe."""
    from edgefrac.recipes import find_recipe
    from edgefrac.training.run import train as run

    checkpoint = run(find_recipe("train", recipe), overrides or [], data, resume)
    print(checkpoint)
