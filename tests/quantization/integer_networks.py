"""An integer network of a small backbone, made on phantoms."""

from __future__ import annotations

import numpy as np
from torch import nn

from edgefrac.models.folding import fold
from edgefrac.models.layers import LayerGraph, layers_of
from edgefrac.progress import silent
from edgefrac.quantization.calibration import observed_ranges
from edgefrac.quantization.exact_plan import ExactPlan
from edgefrac.quantization.grids import make_plan
from edgefrac.quantization.integers import IntegerNetwork, to_integers
from tests.models.networks import lively, phantoms


def layers_and_plan(name: str, size: int = 64) -> tuple[LayerGraph, ExactPlan]:
    images = phantoms(8, seed=3, size=size)
    network = fold(lively(name, images))
    graph = layers_of(nn.Sequential(network.features, network.head.conv).eval())
    return graph, make_plan(graph, observed_ranges(graph, images, silent), name, "phantoms")


def integer_network(name: str, size: int = 64, every: int = 0) -> IntegerNetwork:
    """With ``every`` layer of that many, and the one behind it, in float32."""
    graph, plan = layers_and_plan(name, size)
    if every:
        floats = tuple(layer.name for k, layer in enumerate(graph.layers) if k % every in (1, 2))
        plan = plan.model_copy(update={"floats": floats})
    channels = len(graph.convolutions()[-1].weight)
    return to_integers(graph, plan, np.full(channels, 0.7, np.float32), np.full(channels, -0.2, np.float32))
