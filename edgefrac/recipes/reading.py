"""Read any recipe: YAML to a validated model, with errors that name the file, the key and the nearest right key."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from edgefrac.errors import RecipeError

Model = TypeVar("Model", bound=BaseModel)


def read_recipe(path: Path, model: type[Model], overrides: Sequence[str] = ()) -> Model:
    """Validate ``path`` against ``model``; ``overrides`` are key=value with dots. Raises RecipeError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(document, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys to values")
    for override in overrides:
        _apply(document, override)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _explain(path, model, error) from error


def _apply(document: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise RecipeError(f"override '{override}' is not key=value", hint="for example optimiser.learning_rate=1e-3")
    *parents, last = key.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
        if not isinstance(document, dict):
            raise RecipeError(f"override '{override}': '{parent}' has no keys of its own")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError as error:
        cause = " ".join(str(error).split())
        hint = f"quote what holds braces, brackets or commas: {key}='[\"a/fold{{fold}}/b\"]'"
        raise RecipeError(f"override '{override}': not valid YAML ({cause})", hint=hint) from error
    if isinstance(parsed, str):
        with contextlib.suppress(ValueError):  # YAML 1.1 reads 1e-3 as text
            parsed = float(parsed)
    document[last] = parsed


def _explain(path: Path, model: type[BaseModel], error: ValidationError) -> RecipeError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return RecipeError(f"{path}: {where}: {first['msg']} (got {first.get('input')!r})")
    near = difflib.get_close_matches(str(first["loc"][-1]), _keys_beside(model, first["loc"]), n=1, cutoff=0.4)
    return RecipeError(f"{path}: unknown key '{where}'", hint=f"did you mean '{near[0]}'?" if near else "")


def _keys_beside(section: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for part in location[:-1]:
        if isinstance(part, str) and part in section.model_fields:
            annotation = section.model_fields[part].annotation
            kinds = [annotation, *get_args(annotation)]
            section = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), section)
    return list(section.model_fields)
