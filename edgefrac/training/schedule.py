"""Learning rate: one cycle for the float epochs, a second and lower one for the epochs that simulate int8.

One-cycle (Smith & Topin 2018, arXiv:1708.07120): up to the peak over the first 30 % of the steps, down to almost
nothing over the rest, both along a cosine. int8 rounding changes what the network computes, so it gets a cycle of its
own.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_RISE = 0.3
_FIRST, _LAST = 1 / 25, 1e-5  # of the peak


def cycles(float_steps: int, int8_steps: int, int8_share: float) -> Callable[[int], float]:
    """Learning rate at a step (from 0), as a share of the recipe's; the int8 cycle peaks at ``int8_share``."""

    def share(step: int) -> float:
        if step < float_steps:
            return one_cycle(step / float_steps)
        return int8_share * one_cycle(min(1.0, (step - float_steps) / max(1, int8_steps)))

    return share


def one_cycle(progress: float) -> float:
    """Share of the peak at ``progress`` in [0, 1] through one cycle."""
    if progress < _RISE:
        return _cosine(_FIRST, 1.0, progress / _RISE)
    return _cosine(1.0, _LAST, (progress - _RISE) / (1 - _RISE))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
