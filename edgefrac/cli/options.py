"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefrac.errors import UsageError

if TYPE_CHECKING:
    from edgefrac.imaging.voi import WindowChoice
    from edgefrac.workers.runner import Runner

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

Processes = Annotated[
    int | None,
    typer.Option(
        "--processes", metavar="N", min=1, help="Work in N processes; an image that makes one crash costs no other."
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS",
        help="Work on a Ray cluster: HOST:PORT, auto for the one that this machine is in, or local to start one.",
    ),
]


def runner(processes: int | None, ray: str | None) -> Runner | None:
    """Who is to do the work, None where the options leave it open. Raises ``MissingExtraError``."""
    if ray is not None:
        from edgefrac.workers.ray_data import RayData

        return RayData(ray, processes)
    if processes is not None:
        from edgefrac.workers.pool import Pool

        return Pool(processes)
    return None


def parse_window(text: str | None) -> WindowChoice | None:
    """'40,400' -> (centre, width); the name of a CT preset stays one. Raises ``UsageError``."""
    if text is None:
        return None
    from edgefrac.imaging.voi import CT_PRESETS, window_from

    try:
        return window_from(text)
    except ValueError:
        presets = " or ".join(CT_PRESETS)
        raise UsageError(f"--window {text}: expected CENTRE,WIDTH, such as 300,1500, or {presets} for CT") from None
