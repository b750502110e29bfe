"""A convolution as a file holds it: what of a model file can be compared with the network, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Layer:
    """One convolution of O output channels, in plain numbers.

    ``weight`` is [O, n] and ``bias`` [O], dequantized; ``step`` [O] is the distance of neighbouring weights on each
    channel's grid, and ``scales`` how many scales the weights share, both 0 where they are float. ``output`` is the
    range of values that the result can have (the file) or has on radiographs (the network), None where not known.
    """

    name: str
    weight: Floats
    bias: Floats
    step: Floats
    scales: int = 0
    output: tuple[float, float] | None = None


def paired(file: tuple[Layer, ...], network: tuple[Layer, ...]) -> tuple[tuple[Layer, Layer], ...]:
    """Each layer of a file beside the network's, in order of execution; nothing where the two do not correspond."""
    shapes = ([layer.weight.shape for layer in layers] for layers in (file, network))
    return tuple(zip(file, network, strict=True)) if next(shapes) == next(shapes) else ()
