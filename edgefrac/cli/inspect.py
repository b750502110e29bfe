"""``edgefrac inspect``: what a model file or bundle says about itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import results


def inspect(
    file: Annotated[Path, typer.Argument(help="Model file (.tflite, .onnx, .xml, .ort, .safetensors) or bundle.")],
    as_json: AsJson = False,
) -> None:
    """Show contract, operators, placement, certificate."""
    with results(as_json) as emit:
        from edgefrac.inspection import inspect_guarded

        report = inspect_guarded(file)
        emit(report if as_json else _table(report))


def _table(report: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(report, sort_keys=False, allow_unicode=True, width=120).rstrip()
