"""Backbones by name: a new one is one file with one decorated function."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from edgefrac.errors import UsageError


@dataclass(frozen=True)
class Backbone:
    """``features`` maps float32 (B, 1, S, S) to (B, ``channels``, S / ``stride``, S / ``stride``).

    ``stages`` are its parts in the order data passes through them, the stem first. ``folded`` is the registered name
    of the architecture that ``folding.fold`` leaves, for a backbone that is merged into another one.
    """

    features: nn.Module
    channels: int
    stride: int
    stages: tuple[nn.Module, ...]
    folded: str = ""


Factory = Callable[[bool], Backbone]
_FAMILIES = ("efficientnet_lite", "micro", "mobilenet", "mobileone", "resnet", "tiny", "vgg")
_factories: dict[str, Factory] = {}


def backbone(name: str) -> Callable[[Factory], Factory]:
    """Register ``factory(pretrained)`` under ``name``."""

    def register(factory: Factory) -> Factory:
        _factories[name] = factory
        return factory

    return register


def available() -> list[str]:
    """Names of all registered backbones."""
    for family in _FAMILIES:
        importlib.import_module(f"edgefrac.models.{family}")
    return sorted(_factories)


def create(name: str, *, pretrained: bool) -> Backbone:
    """Build the named backbone, with its ImageNet weights if ``pretrained``.

    Raises UsageError for an unknown name and for one without weights, MissingWeightsError where they cannot be had.
    """
    names = available()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise UsageError(
            f"unknown backbone '{name}'", hint=f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(names)}"
        )
    return _factories[name](pretrained)
