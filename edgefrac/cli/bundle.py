"""``edgefrac bundle``: a bundle's model and goldens, laid out for an app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import results


def bundle(
    app: Annotated[Path, typer.Option(metavar="DIR", help="Where the app keeps its assets; DIR/edgefrac is replaced.")],
    source: Annotated[
        Path, typer.Argument(metavar="[BUNDLE]", help="Bundle (folder or .zip) of 'edgefrac export'.")
    ] = Path("bundle"),
    as_json: AsJson = False,
) -> None:
    """Write what an app needs of a bundle: model, contract, goldens, checksums."""
    with results(as_json) as emit:
        from edgefrac.bundle import open_bundle
        from edgefrac.pipeline.app_assets import FOLDER, write_app_assets

        written = write_app_assets(open_bundle(source), app)
        size = sum(entry.bytes for entry in written.files)
        text = f"{written.model} and {len(written.files) - 1} files beside it ({size / 1e6:.1f} MB) in {app / FOLDER}"
        emit(written.model_dump(mode="json", by_alias=True) if as_json else text)
