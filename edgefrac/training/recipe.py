"""Training recipes: YAML, validated on reading, every key explained by its model.

``key=value`` overrides use dots (``optimiser.learning_rate=1e-3``). A wrong key is an error that suggests the nearest
right one.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefrac.errors import RecipeError


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Section):
    """What is trained on and how it is split."""

    path: str = Field(default="", description="folder or zip; --data overrides it")
    folds: int = Field(default=4, ge=2, description="id blocks or patients are dealt into this many folds")
    fold: int = Field(default=0, ge=0, description="the fold held out for validation")
    split_seed: int = 2026
    phantoms: int = Field(default=0, ge=0, description="phantoms added to the training split")
    phantom_seed: int = 1


class Stage(_Section):
    """Some epochs at one input size; stages follow each other (progressive resizing)."""

    epochs: int = Field(ge=1)
    size: int = Field(ge=32, multiple_of=32)


class Sampling(_Section):
    """Class imbalance: each epoch shows every fractured radiograph and a fresh draw of the others."""

    negatives_per_positive: float = Field(default=2.0, gt=0)
    phantom_share: float = Field(default=0.1, ge=0, lt=1, description="share of an epoch's images that are phantoms")


class Augmentation(_Section):
    """Random changes that a radiograph may undergo in practice; magnitudes are maxima."""

    rotation_degrees: float = 25.0
    scale: float = Field(default=0.3, ge=0, lt=1)
    shift: float = Field(default=0.08, ge=0)
    flip: bool = True
    gamma: float = Field(default=0.7, ge=0, description="natural log of the exponent's range")
    contrast: float = Field(default=0.3, ge=0)
    blur: float = Field(default=1.2, ge=0, description="standard deviation in pixels; negative draws sharpen")
    noise: float = Field(default=0.04, ge=0, description="standard deviation in units of the full grey range")


class Evidence(_Section):
    """Supervision of the evidence map by fracture boxes or masks."""

    weight: float = Field(default=3.0, ge=0)
    positive_weight: float = Field(default=8.0, gt=0, description="weight of cells that touch a fracture")


class Optimiser(_Section):
    """AdamW (Loshchilov & Hutter 2019) with a one-cycle schedule (Smith & Topin 2018)."""

    learning_rate: float = Field(default=6e-4, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    batch_size: int = Field(default=16, ge=2)
    average_decay: float = Field(default=0.99, ge=0, lt=1, description="exponential moving average of the weights")
    freeze_stages: int = Field(default=0, ge=0, description="leading backbone stages kept at their pretrained weights")


class Recipe(_Section):
    """One training run."""

    name: str
    architecture: str = "efficientnet-lite0"
    pretrained: bool = True
    seed: int = 7
    stages: tuple[Stage, ...]
    minimum_sensitivity: float = Field(default=0.90, gt=0, lt=1, description="operating point, chosen on validation")
    data: Data = Data()
    sampling: Sampling = Sampling()
    augmentation: Augmentation = Augmentation()
    evidence: Evidence = Evidence()
    optimiser: Optimiser = Optimiser()

    @property
    def input_size(self) -> int:
        """Input size of the trained network: that of the last stage."""
        return self.stages[-1].size

    @property
    def epochs(self) -> int:
        """Epochs over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def size_at(self, epoch: int) -> int:
        """Input size during the given epoch (from 0)."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.size
            epoch -= stage.epochs
        return self.input_size


def load_recipe(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Read and validate a recipe; raises RecipeError naming the file, the key and the nearest right key."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read ({error})") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(document, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys to values")
    for override in overrides or []:
        _apply(document, override)
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        raise _explain(path, error) from error


def _apply(document: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise RecipeError(f"override '{override}' is not key=value", hint="for example optimiser.learning_rate=1e-3")
    *parents, last = key.split(".")
    for parent in parents:
        document = document.setdefault(parent, {})
        if not isinstance(document, dict):
            raise RecipeError(f"override '{override}': '{parent}' has no keys of its own")
    parsed = yaml.safe_load(value)
    if isinstance(parsed, str):  # YAML 1.1 reads 1e-3 as text
        try:
            parsed = float(parsed)
        except ValueError:
            pass
    document[last] = parsed


def _explain(path: Path, error: ValidationError) -> RecipeError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return RecipeError(f"{path}: {where}: {first['msg']} (got {first.get('input')!r})")
    near = difflib.get_close_matches(str(first["loc"][-1]), _keys_beside(first["loc"]), n=1, cutoff=0.4)
    return RecipeError(f"{path}: unknown key '{where}'", hint=f"did you mean '{near[0]}'?" if near else "")


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = Recipe
    for part in location[:-1]:
        if isinstance(part, int):
            section = Stage
        elif part in section.model_fields:
            annotation = section.model_fields[part].annotation
            if isinstance(annotation, type) and issubclass(annotation, BaseModel):
                section = annotation
    return list(section.model_fields)
