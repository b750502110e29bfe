"""A run's folder belongs to one recipe: what is found in it must be what the recipe would make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgefrac import durable
from edgefrac.errors import RecipeError
from edgefrac.training.recipe import Recipe

_STORED = "recipe.json"


def claim(run: Path, recipe: Recipe, *, resume: bool) -> None:
    """Keep ``recipe`` in the folder ``run``; refuse one that holds results, or something to resume, of another.

    ``data.fold`` may differ: folds have folders of their own. Raises RecipeError, OutputError.
    """
    stored = run / _STORED
    if stored.exists() and (resume or any(run.glob("fold*/validation.json"))):
        changed = _changed(stored, recipe)
        if changed:
            key, before, now = changed[0]
            others = f" and {len(changed) - 1} keys more" if len(changed) > 1 else ""
            raise RecipeError(
                f"{run}: holds a run with {key} {before!r}, and the recipe says {now!r}{others}",
                hint=f"go on with {key}={before}, or train under another name=… or --out, or remove the folder",
            )
    durable.write(stored, recipe.model_dump_json(indent=1).encode())


def _changed(stored: Path, recipe: Recipe) -> list[tuple[str, Any, Any]]:
    try:
        before = Recipe.model_validate_json(stored.read_bytes())
    except (ValidationError, OSError) as error:
        raise RecipeError(
            f"{stored}: cannot be read, or is of another version of EdgeFrac",
            hint="train under another name=… or --out, or remove the folder",
        ) from error
    pairs = zip(_values(before.model_dump()), _values(recipe.model_dump()), strict=False)
    return [(key, old, new) for (key, old), (_, new) in pairs if old != new and key != "data.fold"]


def _values(section: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every key with its dots, in the order of the recipe's models; lists and free mappings are values."""
    for key, value in section.items():
        if isinstance(value, dict) and f"{prefix}{key}" not in ("tasks", "data.columns"):
            yield from _values(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
