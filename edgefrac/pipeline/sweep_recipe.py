"""Sweep recipes: a training recipe, which of its values to search, and where; every key explained by its model."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from edgefrac.digest import is_file
from edgefrac.errors import RecipeError
from edgefrac.models.registry import create
from edgefrac.recipes import find_recipe
from edgefrac.recipes.reading import read_recipe
from edgefrac.training.recipe import Recipe

Objective = Literal["auroc", "latency_ms", "bytes"]
Value = int | float | bool | str
# the sweep holds the data fixed and keeps the reported fold away, and a checkpoint to start from may have seen it
_FIXED = ("name", "start_from", "data.path", "data.columns", "data.split", "data.folds", "data.fold", "data.split_seed")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Parameter(_Section):
    """Values that one key may take: ``choices``, or all from ``low`` to ``high``, whole ones where both are whole."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = Field(default=False, description="draw evenly over the logarithm")
    step: int | None = Field(default=None, ge=1, description="of whole numbers")
    choices: tuple[Value, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def examples(self) -> tuple[Value, ...]:
        """Values whose validity stands for that of all."""
        if self.low is None or self.high is None:
            return self.choices
        return (self.low, self.high, self.low + (self.step or 1)) if self.whole else (self.low, self.high)

    @model_validator(mode="after")
    def _is_possible(self) -> Parameter:
        if self.choices:
            if self.low is not None or self.high is not None or self.log or self.step:
                raise ValueError("give either choices, or low and high")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give choices, or low and high")
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError(f"low ({self.low}) must be above 0 where log is true")
        if self.step and (self.log or not self.whole):
            raise ValueError("step goes with whole low and high, and without log")
        return self


class Pruning(_Section):
    """When a trial that falls behind is given up, see ``pipeline.pruning``."""

    epochs: tuple[int, ...] = Field(default=(1,), description="looked at after these epochs (from 1); none for never")
    startup: int = Field(default=4, ge=1, description="trials to compare with, before any is given up")


class SweepRecipe(_Section):
    """One sweep. Keys of training recipes are written with dots; one of ``stages`` goes to every stage."""

    name: str
    base: str = Field(description="training recipe: a file, also beside this one, or the name of a bundled one")
    trials: int = Field(ge=1, description="how many are to be finished or given up")
    seed: int = Field(default=7, ge=0, description="of the values drawn; training has the base recipe's")
    objectives: tuple[Objective, ...] = ("auroc", "latency_ms")
    trial: dict[str, Any] = Field(default={}, description="what trials do otherwise than the base, to be short")
    search: dict[str, Parameter] = Field(min_length=1)
    pruning: Pruning = Pruning()

    @field_validator("objectives")
    @classmethod
    def _accuracy_is_one(cls, objectives: tuple[Objective, ...]) -> tuple[Objective, ...]:
        if "auroc" not in objectives or len(set(objectives)) < len(objectives):
            raise ValueError("each once, and auroc among them")
        return objectives


@dataclass(frozen=True)
class Sweep:
    """A sweep recipe with the training recipe that it names, found in ``base_folder``."""

    recipe: SweepRecipe
    base: Recipe
    base_folder: Path

    def trial(self, values: Mapping[str, Value]) -> Recipe:
        """What a trial with these values trains."""
        return _changed(_changed(self.base, self.recipe.trial), values)

    def best(self, values: Mapping[str, Value]) -> Recipe:
        """The base recipe with these values, at its full length."""
        return _changed(self.base, values)


def read_sweep(path: Path) -> Sweep:
    """Read a sweep recipe, and try the values that it searches; raises RecipeError, UsageError."""
    recipe = read_recipe(path, SweepRecipe)
    beside = path.parent / recipe.base
    base_path = beside if is_file(beside) else find_recipe("train", recipe.base)
    sweep = Sweep(recipe, read_recipe(base_path, Recipe), base_path.parent)
    if sweep.base.start_from:
        raise RecipeError(
            f"{base_path}: a sweep cannot use start_from, whose checkpoint may have seen the reported fold",
            hint="let the base recipe start from ImageNet weights",
        )
    for section, keys in {"trial": recipe.trial, "search": recipe.search}.items():
        for key in keys:
            _require_key(path, section, key)
    _require_possible(path, sweep)
    return sweep


def _require_key(path: Path, section: str, key: str) -> None:
    if key in _FIXED:
        raise RecipeError(f"{path}: {section}: '{key}' cannot change within a sweep", hint="set it in the base recipe")
    known = [k for k in _keys(Recipe) if k not in _FIXED]
    if key in known or (section == "trial" and key == "stages"):
        return
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    raise RecipeError(f"{path}: {section}: unknown key '{key}'", hint=f"did you mean '{near[0]}'?" if near else "")


def _keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Dotted names of all values of a recipe."""
    for name, field in section.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), None)
        if inner:
            yield from _keys(inner, f"{prefix}{name}.")
        else:
            yield prefix + name


def _require_possible(path: Path, sweep: Sweep) -> None:
    """Put each value alone into the base recipe; where it is a backbone, build it."""
    tried = [("trial", sweep.recipe.trial)]
    tried += [(f"search: {key}: {v}", {key: v}) for key, p in sweep.recipe.search.items() for v in p.examples]
    for where, values in tried:
        try:
            changed = _changed(sweep.base, values)
        except ValidationError as error:
            detail = error.errors()[0]
            key = ".".join(str(part) for part in detail["loc"])
            raise RecipeError(f"{path}: {where}: {key}: {detail['msg']}") from error
        except (TypeError, KeyError) as error:  # one key replaces what another one reaches into
            raise RecipeError(f"{path}: {where}: keys that do not go together: {', '.join(values)}") from error
        if "architecture" in values:
            create(changed.architecture, pretrained=False)


def _changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    document = recipe.model_dump()
    for key, value in values.items():
        *parents, last = key.split(".")
        sections: list[dict[str, Any]] = [document]
        for parent in parents:
            inner = [section[parent] for section in sections]
            sections = [s for found in inner for s in (found if isinstance(found, list | tuple) else [found])]
        for section in sections:
            section[last] = value
    return Recipe.model_validate(document)
