"""What a format's own quantizer works by: a plan of ranges, or radiographs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefrac.quantization.ranges import Range


@dataclass(frozen=True)
class Plan:
    """What TFLite's own quantizer needs to work without data.

    ``ranges`` of every tensor of the float graph, and ``evidence_shift`` (K values, log-odds): by how much int8 raises
    the mean of the evidence map on the calibration radiographs. It is taken out of the evidence convolution's bias
    (bias correction, Nagel et al. 2019, arXiv:1906.04721, where it counts most: an error that all images share moves
    decisions, one that differs between them mostly cancels).
    """

    ranges: dict[str, Range]
    evidence_shift: tuple[float, ...] = ()


@dataclass(frozen=True)
class Native:
    """``images`` are network inputs uint8 [N, S, S] to calibrate on, ``plan`` what TFLite's quantizer made of them.

    Without radiographs there is the plan that a checkpoint carries.
    """

    images: NDArray[np.uint8] | None
    plan: Plan | None
