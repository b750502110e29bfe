"""Which layers lose most by int8, and so which to keep in float32 first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.models.layers import LayerGraph
from edgefrac.models.network import normalise
from edgefrac.progress import Track
from edgefrac.quantization.exact_plan import HIGHEST, LOWEST, ExactPlan, Grid


def logit_errors(graph: LayerGraph, plan: ExactPlan, images: NDArray[np.uint8], track: Track) -> dict[str, float]:
    """Mean square by which the logits of uint8 [N, S, S] move if a single value, by name, is rounded to its grid."""
    pixels = normalise(torch.from_numpy(images.copy()))[:, None].contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        plain = _logits(graph, pixels, None, plan)
        errors = {}
        for layer in track(list(graph.layers), "layers that lose most"):
            moved = _logits(graph, pixels, layer.name, plan) - plain
            errors[layer.name] = float(moved.square().mean())
    return errors


def layers_around(graph: LayerGraph, errors: Mapping[str, float], count: int) -> tuple[str, ...]:
    """The layers that make or read one of the ``count`` values of the largest errors, in order of computation.

    A value is spared rounding only if the layers on both of its sides compute in float32.
    """
    worst = set(sorted(errors, key=lambda name: -errors[name])[:count])
    return tuple(layer.name for layer in graph.layers if worst & {layer.name, *layer.sources})


def _logits(graph: LayerGraph, pixels: torch.Tensor, rounded: str | None, plan: ExactPlan) -> torch.Tensor:
    def alter(name: str, value: torch.Tensor) -> torch.Tensor:
        return _on_grid(value, plan.grids[name]) if name == rounded else value

    return graph.run(pixels, alter)[graph.output].mean((2, 3))


def _on_grid(value: torch.Tensor, grid: Grid) -> torch.Tensor:
    low, high = LOWEST - grid.zero_point, HIGHEST - grid.zero_point
    return (value / grid.step).round().clamp(low, high) * grid.step
