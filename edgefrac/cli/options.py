"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgefrac.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Data = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Labelled radiographs: FracAtlas (folder or .zip), or a folder of classes."),
]
Model = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Model file, checkpoint or bundle [default: the bundled reference]."),
]


def parse_window(text: str | None) -> tuple[float, float] | None:
    """'40,400' -> (centre, width). Raises ``UsageError``."""
    if text is None:
        return None
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--window {text}: expected CENTRE,WIDTH, such as 300,1500") from None
    return centre, width
