"""``edgefrac export``: a checkpoint in, gated files in a bundle out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson, Data
from edgefrac.cli.output import note, results, track


def export(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="Checkpoint (.safetensors) [default: the bundled reference].")
    ] = None,
    target: Annotated[
        str, typer.Option(metavar="NAMES", help="Targets, separated by commas: tflite, onnx, openvino, ort, ethos-u.")
    ] = "tflite",
    precision: Annotated[
        str | None, typer.Option(metavar="all|auto|fp32|fp16|int8|mixed", help="Which files [default: the recipe's].")
    ] = None,
    data: Data = None,
    calibration: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Radiographs to calibrate on, never the ones of --data.")
    ] = None,
    quantizer: Annotated[
        str | None,
        typer.Option(
            metavar="exact|native", help="int8 by one exact plan for all targets, or each format's own quantizer."
        ),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The plan.json of a bundle: make the same integers again.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the bundle goes.")] = Path("bundle"),
    recipe: Annotated[
        str | None, typer.Option(metavar="FILE", help="Export recipe: a YAML file, or the name of a bundled one.")
    ] = None,
    network: Annotated[
        str | None, typer.Option("--model", metavar="MODULE:FACTORY", help="Function that builds your own network.")
    ] = None,
    keep_rejected: Annotated[
        bool, typer.Option("--keep-rejected", help="Keep a file that fails its gate, as *.rejected.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail an int8 file in which an operator computes in float.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export files shown to be equivalent, or say why not."""
    with results(as_json) as emit:
        from edgefrac.pipeline.export import ExportRequest, export_bundle
        from edgefrac.recipes import find_recipe

        request = ExportRequest(
            checkpoint=checkpoint,
            network=network,
            targets=tuple(target.split(",")),
            precision=precision,
            data=data,
            quantizer=quantizer,
            calibration=calibration,
            plan=plan,
            out=out,
            recipe=find_recipe("export", recipe) if recipe else None,
            keep_rejected=keep_rejected,
            strict=strict,
        )
        result = export_bundle(request, note=note, track=track)
        document = result.to_dict()
        emit(document if as_json else _table(document))
    if not result.passed:
        raise typer.Exit(1)


def _table(document: dict[str, Any]) -> str:
    lines = []
    for row in document["artefacts"]:
        what = f"{row['target']} {row['precision']}  {row['bytes'] / 1e6:.2f} MB"
        lines.append(f"{row['verdict']:<10} {what}  {row['path'] or ''}".rstrip())
    written = document["bundle"] or "none, since no file passed"
    return "\n".join([*lines, f"bundle: {written} ({document['seconds']:.0f} s)"])
