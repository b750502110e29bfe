"""How alike two evidence maps of one radiograph are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from edgefrac.verification.metrics import evidence_correlation

Values = NDArray[np.floating]


def top_overlap(first: Values, second: Values, share: float) -> float:
    """Intersection over union of the highest ``share`` of two maps' pixels."""
    count = max(1, round(share * first.size))
    tops = [np.zeros(first.size, np.bool_) for _ in range(2)]
    for top, values in zip(tops, (first, second), strict=True):
        top[np.argsort(-values, axis=None, kind="stable")[:count]] = True
    return float((tops[0] & tops[1]).sum() / (tops[0] | tops[1]).sum())


def correlation(first: Values, second: Values) -> float:
    """Pearson's correlation of two maps, as the gate computes it of many."""
    return float(evidence_correlation(first[None], second[None])[0])


def ssim(first: Values, second: Values) -> float:
    """Mean structural similarity of two maps [H, W], at most 1; see ``ssim_map``."""
    return float(ssim_map(first, second).mean())


def ssim_map(first: Values, second: Values) -> Values:
    """Structural similarity at each place of two maps [H, W] (Wang et al. 2004, Gaussian window of 1.5 pixels).

    Its constants are relative to the range of the first map, in whose units both stay: nothing is stretched.
    """
    span = float(np.ptp(first)) or 1.0
    small, large = (0.01 * span) ** 2, (0.03 * span) ** 2
    x, y = first.astype(np.float64), second.astype(np.float64)
    mean_x, mean_y = _local(x), _local(y)
    var_x, var_y = _local(x * x) - mean_x**2, _local(y * y) - mean_y**2
    shared = _local(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + small) * (2 * shared + large)
    return np.asarray(likeness / ((mean_x**2 + mean_y**2 + small) * (var_x + var_y + large)))


def _local(values: Values) -> Values:
    return np.asarray(gaussian_filter(values, 1.5, truncate=3.5))
