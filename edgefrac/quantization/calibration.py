"""The range of each layer's values: observed on radiographs, or as a checkpoint carries them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.errors import ConversionError
from edgefrac.models.layers import IMAGE, Addition, Convolution, Layer, LayerGraph
from edgefrac.models.network import normalise
from edgefrac.progress import Track
from edgefrac.quantization.ranges import Range, RangeObserver

_OPERATORS = {"CONV_2D": Convolution, "DEPTHWISE_CONV_2D": Convolution, "ADD": Addition}


def observed_ranges(graph: LayerGraph, images: NDArray[np.uint8], track: Track) -> dict[str, Range]:
    """The range of each value over network inputs uint8 [N, S, S], see ``ranges.RangeObserver``."""
    observer = RangeObserver(whole=frozenset({graph.output}))
    for image in track(list(images), "calibrating"):
        with torch.inference_mode():
            values = graph.run(normalise(torch.from_numpy(image.copy()))[None, None])
        for name, value in values.items():
            if name != IMAGE:
                observer.observe(name, value.numpy())
    return observer.ranges()


def carried_ranges(graph: LayerGraph, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges that a checkpoint carries, keyed by TFLite operators, by the names of layers.

    Operators come in the order of layers, and the names of their kinds and their widths must agree. Raises
    ConversionError where they do not. A maximum pooling has the range of what it reads.
    """
    fitting = {key: limits for key, limits in ranges.items() if _operator(key) in _OPERATORS and key.count("x") == 2}
    remaining = iter(fitting.items())
    found: dict[str, Range] = {}
    for layer in graph.layers:
        if not isinstance(layer, (Convolution, Addition)):
            found[layer.name] = found[layer.source]
            continue
        key, limits = next(remaining, ("", (0.0, 0.0)))
        if not _agrees(key, layer):
            raise ConversionError(
                f"the checkpoint's activation ranges are of another network ('{key}' for {layer.name})",
                hint="take new ones with --calibration DIR",
            )
        found[layer.name] = limits
    return found


def _operator(key: str) -> str:
    parts = key.split(":")
    return parts[1] if len(parts) == 3 else ""


def _agrees(key: str, layer: Layer) -> bool:
    if not isinstance(layer, _OPERATORS.get(_operator(key), ())):
        return False
    return not isinstance(layer, Convolution) or int(key.rpartition("x")[2]) == len(layer.weight)
