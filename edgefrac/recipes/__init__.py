"""Recipes by name: ``train/*.yaml`` and ``export/*.yaml``, in the repository or inside an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgefrac.digest import is_file
from edgefrac.errors import RecipeError

_HERE = Path(__file__).parent
_REPOSITORY = _HERE.parent.parent


def find_recipe(kind: Literal["train", "export"], name: str) -> Path:
    """The recipe file for ``name``: a path to a file, or the name of a bundled recipe ("reference").

    Raises ``RecipeError`` with the names there are.
    """
    given = Path(name)
    if is_file(given):
        return given
    bundled = bundled_recipes(kind)
    # 'train/reference.yaml' typed outside the repository means the bundled recipe of that name
    if given.stem in bundled and given.parent in (Path(), Path(kind)):
        return bundled[given.stem]
    raise RecipeError(f"{name}: no such recipe file", hint=f"bundled {kind} recipes: {', '.join(bundled) or 'none'}")


def bundled_recipes(kind: Literal["train", "export"]) -> dict[str, Path]:
    """Name -> file of every recipe that came with EdgeFrac."""
    # a wheel carries them beside this file; an editable install reads the repository's folder
    folder = next((f for f in (_HERE / kind, _REPOSITORY / kind) if f.is_dir()), _HERE)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
