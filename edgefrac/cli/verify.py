"""``edgefrac verify``: check a bundle again, anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson, Data
from edgefrac.cli.output import note, results, track


def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle (folder or .zip) or one model file.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle: checksums, golden vectors, gate."""
    with results(as_json) as emit:
        from edgefrac.pipeline.verify import verify_bundle

        result = verify_bundle(bundle, data, note=note, track=track)
        document = result.to_dict()
        emit(document if as_json else _table(document))
    if not result.passed:
        raise typer.Exit(1)


def _table(document: dict[str, Any]) -> str:
    return "\n".join(f"{check['verdict']:<10} {check['name']}  {check['detail']}" for check in document["checks"])
