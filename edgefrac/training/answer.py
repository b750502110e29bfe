"""What a network says about a batch: logits, evidence maps and, on request, where its features look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from edgefrac.models.network import FractureNet

_FINEST = 8  # pixels a cell; finer maps show edges, not findings


@dataclass(frozen=True)
class Answer:
    """float32 logits (B, K), evidence (B, K, h, w), and by stride in pixels the attention (B, S / stride, S / stride).

    Attention is the mean square of a feature map's channels, each image's map of unit length.
    """

    logits: torch.Tensor
    evidence: torch.Tensor
    attention: dict[int, torch.Tensor]


def answer(network: FractureNet, image: torch.Tensor, *, attention: bool = False) -> Answer:
    """Run ``network`` on float32 (B, 1, S, S)."""
    with _last_of_each_size(network.features if attention else None) as maps:
        logits, evidence = network(image)
    strides = {round(image.shape[-1] / side): features for side, features in maps.items()}
    return Answer(
        logits.float(),
        evidence.float(),
        {stride: _attention(features) for stride, features in strides.items() if stride >= _FINEST},
    )


def _attention(features: torch.Tensor) -> torch.Tensor:
    energy = features.float().square().mean(1)
    return functional.normalize(energy.flatten(1)).view_as(energy)


@contextmanager
def _last_of_each_size(features: nn.Module | None) -> Iterator[dict[int, torch.Tensor]]:
    """Within, the last feature map (B, C, s, s) of each side s that passes through ``features``."""
    kept: dict[int, torch.Tensor] = {}

    def keep(module: nn.Module, inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            kept[output.shape[-1]] = output

    handles = [module.register_forward_hook(keep) for module in features.modules()] if features else []
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()
