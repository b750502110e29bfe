"""From runs to figures: a median with its interval, and whether one subject is slower than another."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from edgefrac.benchmarking.stopwatch import Turns
from edgefrac.verification.statistics import ClusterBootstrap, Estimate

Verdict = Literal["slower", "faster", "no difference shown"]
SMALLEST = 0.01
"""Differences below this share are not called one, however narrow their interval: half of what must be found."""


class Latency(BaseModel):
    """Of one subject, in milliseconds; ``median`` with its 95 % interval. No run is left out.

    ``cpu`` is the median processor time: with one thread, what the median would be if nothing else ran.
    """

    model_config = ConfigDict(frozen=True)

    median: Estimate
    p90: float
    p99: float
    cpu: float
    runs: int


class Difference(BaseModel):
    """How many times as long one subject takes as another, with a 95 % interval, and what that shows."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    ratio: float
    ratio_ci: tuple[float, float]
    verdict: Verdict


def latency(turns: Turns, subject: int) -> Latency:
    """Figures of one subject. Runs that follow each other are alike, so openings are resampled, not runs."""
    milliseconds = 1000 * turns.taken[subject]
    p90, p99 = np.percentile(milliseconds, [90, 99])
    estimate = median_of(milliseconds, turns.opening)
    cpu = 1000 * float(np.median(turns.worked[subject]))
    return Latency(median=estimate, p90=float(p90), p99=float(p99), cpu=cpu, runs=milliseconds.size)


def difference(turns: Turns, subject: int, beside: int) -> Difference:
    """Median of the ratios of two subjects in the same turns, its interval over openings.

    Paired, because a busy or throttled machine slows neighbouring runs alike. Needs two openings (else ValueError).
    """
    return paired(turns.taken[subject], turns.taken[beside], turns.opening)


def paired(above: NDArray[np.float64], below: NDArray[np.float64], opening: NDArray[np.int64]) -> Difference:
    """As ``difference``, of any times [N] beside others of the same turns [N], with the opening of each turn [N]."""
    ratio = _median(ClusterBootstrap(opening), above / below)
    if ratio.value is None or ratio.low is None or ratio.high is None:
        raise ValueError("one opening gives no interval")
    return judged(ratio.value, ratio.low, ratio.high)


def judged(ratio: float, low: float, high: float) -> Difference:
    """A difference is shown where the interval leaves 1 out, and the ratio is at least 1 % from it."""
    verdict: Verdict = "no difference shown"
    if low > 1 and ratio >= 1 + SMALLEST:
        verdict = "slower"
    elif high < 1 and ratio <= 1 - SMALLEST:
        verdict = "faster"
    return Difference(ratio=ratio, ratio_ci=(low, high), verdict=verdict)


def unpaired(now: float, now_ci: tuple[float, float], then: float, then_ci: tuple[float, float]) -> Difference:
    """The ratio of two medians that were taken apart, by their own intervals, on the scale of logarithms.

    MOVER (Zou & Donner 2008): the distances of the limits add up in quadrature.
    """
    (a, a_low, a_high), (b, b_low, b_high) = np.log([now, *now_ci]), np.log([then, *then_ci])
    low = a - b - np.hypot(a - a_low, b_high - b)
    high = a - b + np.hypot(a_high - a, b - b_low)
    ratio, low, high = np.exp([a - b, low, high])
    return judged(float(ratio), float(low), float(high))


def median_of(milliseconds: NDArray[np.float64], opening: NDArray[np.int64]) -> Estimate:
    """The median of times [N] with its interval over openings [N]."""
    return _median(ClusterBootstrap(opening), milliseconds)


def _median(bootstrap: ClusterBootstrap, values: NDArray[np.float64]) -> Estimate:
    return bootstrap.estimate(float(np.median(values)), bootstrap.median(values))
