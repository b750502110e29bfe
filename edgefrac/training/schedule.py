"""Learning rate: one cycle, up to its peak over the first 30 % of the steps and down to almost nothing over the rest.

Smith & Topin 2018 (arXiv:1708.07120), along a cosine both ways.
"""

from __future__ import annotations

import math

_RISE = 0.3
_FIRST, _LAST = 1 / 25, 1e-5  # of the peak


def one_cycle(progress: float) -> float:
    """Share of the peak at ``progress`` in [0, 1] through the cycle."""
    if progress < _RISE:
        return _cosine(_FIRST, 1.0, progress / _RISE)
    return _cosine(1.0, _LAST, (min(progress, 1.0) - _RISE) / (1 - _RISE))


def _cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
