"""Did sensitivity or specificity suffer at the frozen threshold? A smoothed paired estimate.

Counting flips cannot answer it: with no flip at all, an exact or score interval for the paired difference only gets
below 1 point with some 400 positives (z² / (n + z²) for Tango's). But the runs tell more than their flips: how far
every image lies from the threshold, and how far quantization moved it.

Let m_i = logit_i - logit(threshold) be the margin of image i in the reference, and d_j the shift of image j, its logit
in the candidate minus that in the reference. The loss of sensitivity expected of such shifts is

    mean over positives i, mean over j near i, of  F(m_i / h) - F((m_i + d_ij) / (h (1 + b_i))),

where j runs over the K = 100 images nearest to i in margin, of either class (quantization does not know the class).
d_ij is the shift of j moved to the margin of i along the regression line of those 100, of slope b_i (local linear
smoothing, Fan 1992): shifts may grow with the margin, and there are more images on one side than on the other. F is
the Gaussian distribution function and h = 1.3 s n^(-1/3), s the spread of the n margins of the class: the margins are
known by the kernel estimate of their distribution (Nadaraya 1964, Azzalini 1981), and 1 + b_i stretches the kernel as
the shifts stretch the margins. A step in place of F has the same expectation, but depends on the side of the threshold
that single images happened to fall on, and its interval is two to four times as wide. The loss of specificity is the
same with all signs turned.

The interval is a cluster bootstrap over groups that draws an image anew both in its role of i and of j, so that
uncertain shifts widen it too. Simulated coverage of the nominal 95 % is in ``tests/verification/test_decisions.py``.
What the estimate cannot see is a shift that depends on the class beyond the margin. Tango's interval on the flips as
counted stands beside it, and the gate fails a file that it contradicts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.special import ndtr
from scipy.stats import norm

from edgefrac.verification.metrics import Bools, Floats
from edgefrac.verification.statistics import ClusterBootstrap, Estimate

NEIGHBOURS = 100


def expected_loss(margin: Floats, shift: Floats, members: Bools, bootstrap: ClusterBootstrap) -> Estimate:
    """Expected loss of the share of ``members`` (bool [N]) at or above the threshold, as a share, with its interval.

    ``margin`` and ``shift`` are float [N] in log-odds. For the loss of specificity pass them negated, with the
    negatives as members. Without bounds where fewer than two members exist.
    """
    own = margin[members]
    if own.size < 2:
        return Estimate(method="smoothed")
    near = nearest(margin, own)
    loss, influence = _losses(own, margin[near], shift[near])
    replicates = _resample(loss, influence, near, members, bootstrap)
    estimate = bootstrap.estimate(float(loss.mean()), replicates, members)
    return estimate.model_copy(update={"method": f"smoothed over margins and {NEIGHBOURS} shifts, {estimate.method}"})


def nearest(margin: Floats, at: Floats) -> NDArray[np.intp]:
    """Indices of the 100 margins (of all N, or N if fewer) nearest to each value of ``at``: int [len(at), 100]."""
    order = np.argsort(margin, kind="stable")
    ranked, k = margin[order], min(NEIGHBOURS, margin.size)
    # sliding the window from l to l + 1 gains where the value lies beyond the middle of its ends
    start = np.searchsorted((ranked[: ranked.size - k] + ranked[k:]) / 2, at)
    window: NDArray[np.intp] = order[start[:, None] + np.arange(k)]
    return window


def _losses(own: Floats, margin: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """Expected loss L [n] of the images at ``own`` [n], from margins and shifts [n, K] of their neighbours; and the
    influence [n, K] of each neighbour on it: by its own term, through the value of the line there, and its slope."""
    centre = margin.mean(axis=1, keepdims=True)
    away, ahead = margin - centre, own[:, None] - centre
    spread = (away**2).sum(axis=1, keepdims=True)
    lever = np.divide(away, spread, out=np.zeros_like(away), where=spread > 0)
    slope = (lever * shift).sum(axis=1, keepdims=True)
    moved = shift + slope * (own[:, None] - margin)
    stretch = np.maximum(1 + slope, 0.1)
    width = _bandwidth(own)
    after = (own[:, None] + moved) / (width * stretch)
    terms = ndtr(own / width)[:, None] - ndtr(after)
    loss: Floats = terms.mean(axis=1)
    by_value = (1 / margin.shape[1] + ahead * lever) * (terms - loss[:, None])
    by_slope = lever * (moved - moved.mean(axis=1, keepdims=True))
    steepness = (norm.pdf(after) * after).mean(axis=1, keepdims=True) / stretch
    return loss, by_value + by_slope * steepness


def _bandwidth(own: Floats) -> float:
    low, high = np.percentile(own, [25, 75])
    deviation = float(np.std(own, ddof=1))
    spread = min(deviation, float(high - low) / 1.349) or deviation
    return max(1.3 * spread / float(np.cbrt(own.size)), 1e-9)


def _resample(
    loss: Floats, influence: Floats, near: NDArray[np.intp], members: Bools, bootstrap: ClusterBootstrap
) -> Floats:
    """The mean of ``loss`` [n] when groups are drawn again: float [2000].

    With counts c, image i has the weight c_i, and its loss is drawn anew to first order, as
    L_i + sum over j of c_j influence_ij: one form in the counts of the groups.
    """
    pairs = np.repeat(bootstrap.index[members], near.shape[1]), bootstrap.index[near.ravel()]
    shape = (bootstrap.n_groups, bootstrap.n_groups)
    form = coo_array((influence.ravel(), pairs), shape=shape).tocsr()
    counts = bootstrap.counts
    drawn = (np.asarray(form @ counts.T) * counts.T).sum(axis=0)
    size = counts @ np.bincount(bootstrap.index[members], minlength=bootstrap.n_groups)
    own = np.zeros(members.size)
    own[members] = loss
    redrawn: Floats = np.divide(drawn, size, out=np.full(size.shape, np.nan), where=size > 0)
    return bootstrap.mean(own, members) + redrawn
