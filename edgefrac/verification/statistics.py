"""95 % intervals: DeLong, cluster bootstrap over groups, Wilson, Tango; and McNemar's exact test.

Radiographs of one patient are not independent, so whatever can be is resampled by groups (patients, or blocks of
ids where there is no patient id). Where the data are too few for an interval, the ``Estimate`` has no bounds.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, rankdata
from scipy.stats import t as student

from edgefrac.verification.metrics import ECE_BINS, Bools, Floats, ece_bins

CONFIDENCE = 0.95
REPLICATES = 2000
SEED = 20250131
_Z = float(norm.ppf(0.5 + CONFIDENCE / 2))
_CHUNK = 200


class Estimate(BaseModel):
    """A figure with its 95 % interval; ``None`` where the data cannot define it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: float | None = None
    low: float | None = None
    high: float | None = None
    method: str = ""

    @property
    def interval(self) -> list[float] | None:
        """``[low, high]`` as JSON output wants it, or ``None``."""
        return None if self.low is None or self.high is None else [self.low, self.high]

    @property
    def width(self) -> float:
        """Width of the interval, 0 where there is none."""
        return 0.0 if self.low is None or self.high is None else self.high - self.low


class ClusterBootstrap:
    """Cluster bootstrap (Field & Welsh 2007): whole groups are drawn with replacement, 2000 times, by a fixed seed.

    ``groups`` is [N], any labels. Methods that resample return one value per replicate, float [2000], NaN where a
    replicate does not define the figure; ``estimate`` turns them into an interval.
    """

    def __init__(self, groups: ArrayLike) -> None:
        names, self.index = np.unique(np.asarray(groups), return_inverse=True)
        self.n_groups = len(names)

    @cached_property
    def counts(self) -> Floats:
        """How often each replicate drew each group, float [2000, G]."""
        draws = np.random.default_rng(SEED).integers(0, max(1, self.n_groups), (REPLICATES, self.n_groups))
        draws += np.arange(REPLICATES)[:, None] * self.n_groups
        return np.bincount(draws.ravel(), minlength=draws.size).reshape(draws.shape).astype(np.float64)

    def mean(self, values: ArrayLike, of: Bools | None = None) -> Floats:
        """Resampled mean of ``values`` [N], over the images where ``of`` [N] holds."""
        keep = np.ones(self.index.size, np.bool_) if of is None else of
        weights = np.where(keep, np.asarray(values, np.float64), 0.0)
        return _divide(self._total(weights), self._total(keep.astype(np.float64)))

    def ece(self, labels: ArrayLike, probability: ArrayLike) -> Floats:
        """Resampled expected calibration error; the bins stay those of the sample."""
        gap = np.asarray(labels, np.float64) - np.asarray(probability, np.float64)
        sums = np.zeros((self.n_groups, ECE_BINS))
        np.add.at(sums, (self.index, ece_bins(probability)), gap)
        return _divide(np.abs(self.counts @ sums).sum(axis=1), self._total(np.ones_like(gap)))

    def auroc(self, labels: ArrayLike, scores: ArrayLike) -> Floats:
        """Resampled area under the ROC curve, ties counting half."""
        order = np.argsort(scores, kind="stable")
        ranked, positive = np.asarray(scores)[order], (np.asarray(labels) == 1)[order]
        # each positive beats the negatives before its ties, and half of its ties
        first, last = (np.searchsorted(ranked, ranked[positive], side) for side in ("left", "right"))
        result = np.empty(REPLICATES)
        for start in range(0, REPLICATES, _CHUNK):
            weights = self.counts[start : start + _CHUNK][:, self.index[order]]
            below = np.zeros((len(weights), ranked.size + 1))
            np.cumsum(np.where(positive, 0.0, weights), axis=1, out=below[:, 1:])
            drawn = weights[:, positive]
            wins = (drawn * (below[:, first] + below[:, last])).sum(axis=1) / 2
            result[start : start + _CHUNK] = _divide(wins, drawn.sum(axis=1) * below[:, -1])
        return result

    def median(self, values: ArrayLike) -> Floats:
        """Resampled median of ``values`` [N], the lower one of an even number."""
        order = np.argsort(values, kind="stable")
        ranked, index = np.asarray(values, np.float64)[order], self.index[order]
        of_group = np.cumsum(index == np.arange(self.n_groups)[:, None], axis=1, dtype=np.float64)  # [G, N]
        result = np.empty(REPLICATES)
        for start in range(0, REPLICATES, _CHUNK):
            reached = self.counts[start : start + _CHUNK] @ of_group
            result[start : start + _CHUNK] = ranked[(2 * reached < reached[:, -1:]).sum(axis=1)]
        return result

    def estimate(self, value: float | None, replicates: Floats, of: Bools | None = None) -> Estimate:
        """The figure ``value`` with the expanded percentile interval of its replicates (Hesterberg 2015).

        It widens the percentile interval as Student's t does for few groups: those with an image where ``of`` holds.
        """
        groups = self.n_groups if of is None else np.unique(self.index[of]).size
        method = f"cluster bootstrap, {groups} groups, {REPLICATES} replicates"
        defined = replicates[np.isfinite(replicates)]
        if value is None or groups < 2 or defined.size < REPLICATES // 2:
            return Estimate(value=value, method=method)
        reach = np.sqrt(groups / (groups - 1)) * student.ppf(0.5 + CONFIDENCE / 2, groups - 1)
        tail = 100 * norm.cdf(-reach)
        low, high = np.percentile(defined, [tail, 100 - tail])
        return Estimate(value=value, low=float(low), high=float(high), method=method)

    def _total(self, values: Floats) -> Floats:
        return self.counts @ np.bincount(self.index, weights=values, minlength=self.n_groups)


def delong(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats] | None:
    """AUROCs [K] and their covariance [K, K] for K classifiers on the same images, ``scores`` [K, N].

    DeLong et al. 1988 by the midranks of Sun & Xu 2014; ``None`` with fewer than two images of either class.
    """
    positive = np.asarray(labels) == 1
    scores = np.atleast_2d(np.asarray(scores, np.float64))
    x, y = scores[:, positive], scores[:, ~positive]
    m, n = x.shape[1], y.shape[1]
    if m < 2 or n < 2:
        return None
    ranks = rankdata(np.concatenate([x, y], axis=1), axis=1)
    beaten = (ranks[:, :m] - rankdata(x, axis=1)) / n  # by each positive, share of the negatives
    beating = 1 - (ranks[:, m:] - rankdata(y, axis=1)) / m  # each negative, share of the positives
    covariance = np.atleast_2d(np.cov(beaten)) / m + np.atleast_2d(np.cov(beating)) / n
    return beaten.mean(axis=1), covariance


def delong_auroc(labels: ArrayLike, scores: ArrayLike) -> Estimate:
    """AUROC of ``scores`` [N] with its DeLong interval, cut to [0, 1]."""
    result = delong(labels, scores)
    if result is None:
        return Estimate(method="DeLong")
    return _normal(result[0][0], result[1][0, 0], (0.0, 1.0), "DeLong")


def delong_loss(labels: ArrayLike, reference: ArrayLike, candidate: ArrayLike) -> Estimate:
    """Paired loss of AUROC, reference minus candidate (scores [N] each), with its DeLong interval."""
    result = delong(labels, np.stack([np.asarray(reference, np.float64), np.asarray(candidate, np.float64)]))
    if result is None:
        return Estimate(method="paired DeLong")
    (first, second), covariance = result
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return _normal(first - second, variance, (-1.0, 1.0), "paired DeLong")


def newcombe_auroc(value: float, positives: float, negatives: float) -> Estimate:
    """Score-type interval of an AUROC from its value alone (Newcombe 2006, method 5).

    Unlike DeLong and the bootstrap it has a width at 0 and 1.
    """
    half = (positives + negatives) / 2 - 1

    def excess(theta: float) -> float:
        unit = (1 - theta) / (2 - theta) + theta / (1 + theta)
        return (value - theta) ** 2 - _Z**2 * theta * (1 - theta) * (1 + half * unit) / (positives * negatives)

    edge = 1e-9  # 0 and 1 are roots of their own, and not the ones wanted
    low = float(brentq(excess, 0.0, value - edge)) if value > edge else 0.0
    high = float(brentq(excess, value + edge, 1.0)) if value < 1 - edge else 1.0
    return Estimate(value=value, low=low, high=high, method="Newcombe method 5")


def wilson(successes: float, n: float) -> Estimate:
    """Wilson 1927 score interval of a proportion; fractional counts serve an effective sample size."""
    if n <= 0:
        return Estimate(method="Wilson")
    share = successes / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    low, high = max(0.0, float(centre - half)), min(1.0, float(centre + half))
    return Estimate(value=share, low=min(low, share), high=max(high, share), method="Wilson")


def clustered_proportion(hits: ArrayLike, groups: ArrayLike) -> Estimate:
    """Share of ``hits`` (bool [N]) with a Wilson interval at the effective sample size of ``groups`` [N].

    The design effect is the variance between groups (ratio estimator, Rao & Scott 1992) over the binomial one, at
    least 1. Where all or no images are hits it cannot be seen, and the number of groups is the sample size.
    """
    hits = np.asarray(hits, np.bool_)
    n = hits.size
    if n == 0:
        return Estimate(method="Wilson")
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    sizes = np.bincount(index)
    share = float(hits.mean())
    if share in (0.0, 1.0) or sizes.size < 2:
        effective = float(sizes.size)
    else:
        residuals = np.bincount(index, weights=hits.astype(np.float64)) - share * sizes
        variance = sizes.size / (sizes.size - 1) * float((residuals**2).sum()) / n**2
        effective = n / max(1.0, variance * n / (share * (1 - share)))
    estimate = wilson(share * effective, effective)
    return estimate.model_copy(update={"value": share, "method": f"Wilson, {sizes.size} groups"})


def tango(lost: int, gained: int, n: int) -> Estimate:
    """Paired loss ``(lost - gained) / n`` of a proportion with the score interval of Tango 1998.

    ``lost`` pairs are a success before and a failure after, ``gained`` the reverse, of ``n`` pairs in all.
    """
    if n == 0:
        return Estimate(method="Tango score")
    value = (lost - gained) / n

    def score(delta: float) -> float:
        a, b, c = 2 * n, -lost - gained + (2 * n - lost + gained) * delta, -gained * delta * (1 - delta)
        q = (np.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
        return float((lost - gained - n * delta) / np.sqrt(n * (2 * q + delta * (1 - delta))))

    edge = 1e-12
    low = -1.0 if value == -1 else float(brentq(lambda d: score(d) - _Z, -1 + edge, value - edge))
    high = 1.0 if value == 1 else float(brentq(lambda d: score(d) + _Z, value + edge, 1 - edge))
    return Estimate(value=value, low=low, high=high, method="Tango score")


def mcnemar(lost: int, gained: int) -> float:
    """Two-sided p-value of McNemar's exact test that as many pairs are lost as are gained."""
    return float(binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0


def _normal(value: float, variance: float, limits: tuple[float, float], method: str) -> Estimate:
    half = _Z * float(np.sqrt(max(0.0, variance)))
    low, high = max(limits[0], value - half), min(limits[1], value + half)
    return Estimate(value=float(value), low=float(low), high=float(high), method=method)


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is 0."""
    result: NDArray[np.float64] = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
