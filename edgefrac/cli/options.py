"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefrac.errors import UsageError

if TYPE_CHECKING:
    from edgefrac.imaging.voi import WindowChoice

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
Data = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Labelled radiographs: a known set, a folder of classes, a .csv or .npz."),
]
Model = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Model file, checkpoint or bundle [default: the bundled reference]."),
]

Window = Annotated[
    str | None,
    typer.Option(
        metavar="CENTRE,WIDTH|PRESET",
        help="DICOM window instead of the file's own, or for CT a preset: bone or soft-tissue.",
    ),
]


def parse_window(text: str | None) -> WindowChoice | None:
    """'40,400' -> (centre, width); the name of a CT preset stays one. Raises ``UsageError``."""
    from edgefrac.imaging.voi import CT_PRESETS

    if text is None or text in CT_PRESETS:
        return text
    try:
        centre, width = (float(part) for part in text.split(","))
    except ValueError:
        presets = " or ".join(CT_PRESETS)
        raise UsageError(f"--window {text}: expected CENTRE,WIDTH, such as 300,1500, or {presets} for CT") from None
    return centre, width
