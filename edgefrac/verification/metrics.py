"""Figures of merit of a binary classifier and of its evidence maps.

A figure that the data cannot define (one class only, no images) is ``None``, never NaN. Labels are 0 or 1 [N],
probabilities float [N]; an image is called positive where ``probability >= threshold``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Box = tuple[float, float, float, float]

ECE_BINS = 15
POINTING_TOLERANCE = 0.05


def auroc(labels: ArrayLike, scores: ArrayLike) -> float | None:
    """Area under the ROC curve as the Mann-Whitney statistic, ties counting half (Hanley & McNeil 1982)."""
    positive = np.asarray(labels) == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        return None
    ranks = rankdata(np.asarray(scores, np.float64))
    return float((ranks[positive].sum() - m * (m + 1) / 2) / (m * n))


def sensitivity(labels: ArrayLike, probability: ArrayLike, threshold: float) -> float | None:
    """Share of the positives that are called positive."""
    return _mean((np.asarray(probability, np.float64) >= threshold)[np.asarray(labels) == 1])


def specificity(labels: ArrayLike, probability: ArrayLike, threshold: float) -> float | None:
    """Share of the negatives that are called negative."""
    return _mean((np.asarray(probability, np.float64) < threshold)[np.asarray(labels) == 0])


def brier(labels: ArrayLike, probability: ArrayLike) -> float | None:
    """Mean squared difference of probability and outcome (Brier 1950)."""
    return _mean((np.asarray(probability, np.float64) - np.asarray(labels, np.float64)) ** 2)


def ece_bins(probability: ArrayLike) -> NDArray[np.intp]:
    """Bin of each image, int [N]: 15 bins of equal mass by rank; equal probabilities share a bin."""
    ranks = rankdata(np.asarray(probability, np.float64), method="min").astype(np.intp)
    return (ranks - 1) * ECE_BINS // max(1, ranks.size)


def ece(labels: ArrayLike, probability: ArrayLike) -> float | None:
    """Expected calibration error (Naeini et al. 2015) over 15 bins of equal mass (Nixon et al. 2019).

    Keeping ties together makes it independent of the order of the images, also for quantized probabilities.
    """
    p, y = np.asarray(probability, np.float64), np.asarray(labels, np.float64)
    if p.size == 0:
        return None
    gaps = np.bincount(ece_bins(p), weights=y - p, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / p.size)


def evidence_correlation(reference: ArrayLike, candidate: ArrayLike) -> Floats:
    """Pearson correlation of each pair of evidence maps: float [N] from two [N, h, w].

    A map without variation has no correlation: such an image scores 0, or 1 if both maps are constant (nothing was
    there to lose).
    """
    a, b = (_centred(np.asarray(maps, np.float64)) for maps in (reference, candidate))
    norm_a, norm_b = np.sqrt((a * a).sum(axis=1)), np.sqrt((b * b).sum(axis=1))
    defined = (norm_a > 0) & (norm_b > 0)
    product = np.where(defined, norm_a * norm_b, 1.0)
    otherwise = np.where((norm_a == 0) & (norm_b == 0), 1.0, 0.0)
    correlation: Floats = np.where(defined, (a * b).sum(axis=1) / product, otherwise)
    return correlation


def pointing_hits(
    peaks: Sequence[tuple[float, float]],
    boxes: Sequence[Sequence[Box]],
    sizes: Sequence[tuple[int, int]],
    tolerance: float = 0.0,
) -> Bools:
    """The pointing game (Zhang et al. 2016): does each image's peak hit one of its boxes? bool [N].

    ``peaks`` are (x, y) and ``boxes`` (x0, y0, x1, y1), in pixels of the source image of ``sizes`` (height, width).
    ``tolerance`` is the distance to the nearest box still counted as a hit, as a share of the image's longer side:
    0 asks for a peak inside the box, ``POINTING_TOLERANCE`` is the customary near miss.
    """
    return np.array(
        [
            any(_distance(peak, box) <= tolerance * max(size) for box in image_boxes)
            for peak, image_boxes, size in zip(peaks, boxes, sizes, strict=True)
        ],
        np.bool_,
    )


def _distance(point: tuple[float, float], box: Box) -> float:
    """Distance in pixels of a point from the nearest point of a box, 0 inside."""
    (x, y), (x0, y0, x1, y1) = point, box
    return float(np.hypot(max(x0 - x, 0.0, x - x1), max(y0 - y, 0.0, y - y1)))


def _centred(maps: Floats) -> Floats:
    """[N, h, w] -> [N, h·w] with zero mean; a constant map becomes exact zeros."""
    flat = maps.reshape(len(maps), int(np.prod(maps.shape[1:])))
    constant = flat.max(axis=1) == flat.min(axis=1)
    return np.where(constant[:, None], 0.0, flat - flat.mean(axis=1, keepdims=True))


def _mean(values: NDArray[np.generic]) -> float | None:
    return float(values.astype(np.float64).mean()) if values.size else None
