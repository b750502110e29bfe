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
    device: Annotated[str, typer.Option(help="cpu, gpu, npu, arm64 or android.")] = "cpu",
    images: Annotated[
        int, typer.Option(min=1, help="How many of the data a device other than the CPU is shown at most.")
    ] = 100,
    public_key: Annotated[
        Path | None, typer.Option(metavar="PEM", help="The bundle must be signed by this key's other half.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a bundle: checksums, signature, golden vectors, gate; on the CPU or on another device."""
    with results(as_json) as emit:
        if device == "cpu":
            from edgefrac.pipeline.verify import verify_bundle

            result = verify_bundle(bundle, data, public_key=public_key, note=note, track=track)
        else:
            from edgefrac.pipeline.verify_device import verify_on

            result = verify_on(bundle, device, data, images, public_key=public_key, note=note, track=track)
        document = result.to_dict()
        emit(document if as_json else _table(document))
    if not result.passed:
        raise typer.Exit(1)


def _table(document: dict[str, Any]) -> str:
    lines = [f"{check['verdict']:<10} {check['name']}  {check['detail']}" for check in document["checks"]]
    if found := document.get("bundle"):
        lines = [f"{found['state']}: {found['detail']}", f"next: {found['next_step']}", *lines]
    return "\n".join(lines)
