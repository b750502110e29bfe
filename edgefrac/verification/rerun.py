"""Ask the reference network again, with inputs prepared wrongly: which fault answers as the candidate did?

No rule over outputs can tell a wrong resize from a wrong crop. Doing each of them can: under the right hypothesis the
reference's answers fall onto the candidate's, and the share of the difference that is left says how well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgefrac.verification.hypotheses import Hypothesis, Shot, hypotheses, right
from edgefrac.verification.look import Diagnosis, Look, distance
from edgefrac.verification.verdict import Outputs

_FIRST = 4  # shots that every hypothesis is tried on
_WORTH = 0.9  # what may be left of the difference on these for the rest to be tried
_EXPLAINED = 0.35  # what may be left for a cause to be named: nine tenths of the mean square are explained
_EXACT = 1e-3  # what is left by float rounding at most
_RIVAL = 2.0  # another hypothesis that leaves no more than this times the best is not told apart


@dataclass(frozen=True)
class Rerun:
    """The means to ask again.

    ``shots`` are the first of the gate's images in their order, ``size`` is S, and ``answers_to`` gives the reference
    network's outputs for what it is to see, float32 [n, S, S].
    """

    size: int
    shots: Sequence[Shot]
    answers_to: Callable[[NDArray[np.float32]], Outputs]


@dataclass(frozen=True)
class Fit:
    """What a hypothesis leaves of the difference between candidate and reference: 0 explains all, 1 nothing."""

    hypothesis: Hypothesis
    left: float


def reproduced(look: Look, rerun: Rerun) -> Diagnosis | None:
    """The input fault under which the reference answers as the candidate did, if there is one."""
    fits = list(_fits(look, rerun))
    best = min(fits, key=lambda fit: fit.left, default=None)
    if best is None or best.left > _EXPLAINED:
        return None
    names: list[str] = []
    for fit in fits:
        # two faults at once are not named beside one of them that explains as much alone
        if fit.left <= max(_RIVAL * best.left, _EXACT) and not any(n in fit.hypothesis.cause for n in names):
            names.append(fit.hypothesis.cause)
    return Diagnosis(
        cause=" or ".join(names[:3]),
        explanation=f"the network, shown {len(rerun.shots)} radiographs in that way, answers as the file does: "
        f"{100 * (1 - best.left):.1f} % of the difference is reproduced",
        next_step=best.hypothesis.next_step,
    )


def _fits(look: Look, rerun: Rerun) -> Iterator[Fit]:
    for hypothesis in hypotheses():
        left = _left(look, rerun, rerun.shots[:_FIRST], hypothesis)
        if left is None or left <= _WORTH:
            left = _left(look, rerun, rerun.shots, hypothesis)
        if left is not None:
            yield Fit(hypothesis, left)


def _left(look: Look, rerun: Rerun, shots: Sequence[Shot], hypothesis: Hypothesis) -> float | None:
    """The larger of what is left in logits and in maps; None where the hypothesis changes nothing on these shots."""
    seen = np.stack([hypothesis.see(shot, rerun.size) for shot in shots])
    if np.array_equal(seen, np.stack([right(shot, rerun.size) for shot in shots])):
        return None
    reference, candidate = (_first(outputs, len(shots)) for outputs in (look.reference, look.candidate))
    before, after = distance(reference, candidate), distance(rerun.answers_to(seen), candidate)
    return max(b / max(a, 1e-9) for a, b in zip(before, after, strict=True))


def _first(outputs: Outputs, n: int) -> Outputs:
    maps = None if outputs.evidence is None else outputs.evidence[:n]
    return replace(outputs, logit=outputs.logit[:n], probability=outputs.probability[:n], evidence=maps)
