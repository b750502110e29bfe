"""Read any recipe: YAML to a validated model, with errors that name the file, the key and the nearest right key."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from edgefrac.errors import RecipeError

Model = TypeVar("Model", bound=BaseModel)

_LONGEST, _DEEPEST, _MOST_VALUES = 1 << 18, 50, 20_000
_LONGEST_SHOWN = 200


def read_recipe(path: Path, model: type[Model], overrides: Sequence[str] = ()) -> Model:
    """Validate ``path`` against ``model``; ``overrides`` are key=value with dots. Raises RecipeError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    try:
        document = parse_yaml(text)
    except ValueError as error:
        raise RecipeError(f"{path}: not valid YAML ({error})") from error
    if not isinstance(document, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys to values")
    for override in overrides:
        _apply(document, override)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _explain(path, model, error) from error


def parse_yaml(text: str) -> Any:
    """A YAML document, as plain values; raises ``ValueError`` in one line for whatever is wrong with it.

    Nothing that a person writes reaches the limits of length, depth and size, references counted as often as they are
    used; files that do are made to hang or to fill what opens them.
    """
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST >> 10} KiB")
    if max(accumulate((1 if c in "[{" else -1 for c in text if c in "[]{}"), initial=0)) > _DEEPEST:
        raise ValueError(f"more than {_DEEPEST} brackets deep")
    try:
        document = yaml.safe_load(text)
    except Exception as error:  # its constructors raise anything on values that only look like numbers or dates
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from error
    _require_small(document)
    return document


def _require_small(document: Any) -> None:
    """A few references to references stand for more values than fit into memory, or for no end of them."""
    todo, count = [document], 0
    while todo:
        value = todo.pop()
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        if isinstance(inner, list | tuple | set):
            count += len(inner)
            if count > _MOST_VALUES:
                raise ValueError(f"more than {_MOST_VALUES} values, references written out")
            todo.extend(inner)


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
        parsed = parse_yaml(value)
    except ValueError as error:
        hint = f"quote what holds braces, brackets or commas: {key}='[\"a/fold{{fold}}/b\"]'"
        raise RecipeError(f"override '{override}': not valid YAML ({error})", hint=hint) from error
    if isinstance(parsed, str):
        with contextlib.suppress(ValueError):  # YAML 1.1 reads 1e-3 as text
            parsed = float(parsed)
    document[last] = parsed


def _explain(path: Path, model: type[BaseModel], error: ValidationError) -> RecipeError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return RecipeError(f"{path}: {where}: {first['msg']} (got {_shown(first.get('input'))})")
    near = difflib.get_close_matches(str(first["loc"][-1]), _keys_beside(model, first["loc"]), n=1, cutoff=0.4)
    return RecipeError(f"{path}: unknown key '{where}'", hint=f"did you mean '{near[0]}'?" if near else "")


def _shown(value: Any) -> str:
    try:
        shown = repr(value)
    except ValueError:  # Python writes no number of more than 4300 digits
        return "a number of thousands of digits"
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"


def _keys_beside(section: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    for part in location[:-1]:
        if isinstance(part, str) and part in section.model_fields:
            annotation = section.model_fields[part].annotation
            kinds = [annotation, *get_args(annotation)]
            section = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), section)
    return list(section.model_fields)
