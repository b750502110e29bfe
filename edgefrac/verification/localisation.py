"""How well a map finds what it should: pixels against masks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating]
Mask = NDArray[np.bool_]


def energy_inside(values: Values, mask: Mask) -> float:
    """Share of all positive ``values`` that lies in ``mask``, both [H, W]; 0 where nothing is positive.

    The energy-based pointing game of Wang et al. 2020.
    """
    positive = np.maximum(values, 0)
    total = float(positive.sum())
    return float(positive[mask].sum()) / total if total else 0.0


def average_precision(values: Values, mask: Mask) -> float:
    """Area under the precision-recall curve of the pixels of ``values`` for being in ``mask``, which is not empty.

    Precision at each distinct value, weighed by the recall that it adds (Arun et al. 2021 use it for saliency maps); a
    map that ranks at random has the mask's share of the image.
    """
    order = np.argsort(-values, axis=None, kind="stable")
    ranked, hits = values.ravel()[order], np.cumsum(mask.ravel()[order])
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # tied pixels are taken at once
    recall = hits[last] / hits[-1]
    precision = hits[last] / (last + 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
