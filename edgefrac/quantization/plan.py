"""The plan: what calibration decided, enough to quantize the same network again without data."""

from __future__ import annotations

from dataclasses import dataclass

from edgefrac.quantization.ranges import Range


@dataclass(frozen=True)
class Plan:
    """``ranges`` of every tensor of the float graph, and ``evidence_shift`` (K values, log-odds).

    The shift is by how much int8 raises the mean of the evidence map on the calibration radiographs; it is taken out of
    the evidence convolution's bias (bias correction, Nagel et al. 2019, arXiv:1906.04721, where it counts most: an
    error that all images share moves decisions, one that differs between them mostly cancels).
    """

    ranges: dict[str, Range]
    evidence_shift: tuple[float, ...] = ()
