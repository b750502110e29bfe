"""``edgefrac sweep``: search the values of a training recipe, for accuracy and for speed on the device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import note, results, track


def sweep(
    recipe: Annotated[str, typer.Argument(help="Sweep recipe: a YAML file, or the name of a bundled one.")],
    data: Annotated[
        str | None, typer.Option(metavar="DIR", help="Labelled radiographs [default: the recipe's, else phantoms].")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where trials and results go.")] = Path("sweep"),
    trials: Annotated[
        int | None, typer.Option(min=1, help="How many trials are to be done, earlier ones included.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Database of the trials; several machines share a PostgreSQL server."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search a recipe's values for the best trade of AUROC against int8 latency; the same command again goes on."""
    with results(as_json) as emit:
        from edgefrac.recipes import find_recipe

        path = find_recipe("train", recipe)  # before the imports that take seconds
        from edgefrac.pipeline.sweep import SweepRequest, run_sweep
        from edgefrac.pipeline.sweep_recipe import read_sweep

        request = SweepRequest(read_sweep(path), out, data, trials, storage)
        document = run_sweep(request, note=note, track=track)
        emit(document if as_json else _table(document, out))


def _table(document: dict[str, Any], out: Path) -> str:
    from edgefrac.pipeline.sweep import in_words

    lines = ["   trial  state     AUROC (95 % interval)   int8 ms      kB  values"]
    for row in document["trials"]:
        mark = "*" if row["number"] in document["front"] else " "
        lines.append(f" {mark} {row['number']:>5}  {row['state']:<9} {_figures(row)}  {in_words(row['params'])}")
    files = ", ".join(str(out / name) for name in ("sweep.json", "pareto.png", "best.yaml"))
    return "\n".join([*lines, f"* Pareto front; best AUROC: trial {document['best']}", files])


def _figures(row: dict[str, Any]) -> str:
    if not row["values"]:
        return " " * 39
    low, high = row["auroc_ci"]
    values = row["values"]
    interval = f"{values['auroc']:.3f} ({low:.3f}–{high:.3f})"
    return f"{interval:<22} {values['latency_ms']:>8.2f} {values['bytes'] / 1000:>7.0f}"
