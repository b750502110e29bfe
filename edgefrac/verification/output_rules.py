"""Rules of the diagnosis over the outputs: a fault behind the evidence map leaves an exact trace in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from edgefrac.verification.look import Diagnosis, Look, distance
from edgefrac.verification.metrics import Floats, evidence_correlation

Values = NDArray[np.floating]

_ORIENTATIONS: dict[str, Callable[[Floats], Floats]] = {
    "transposed": lambda m: m.swapaxes(1, 2),
    "flipped left to right": lambda m: m[:, :, ::-1],
    "flipped top to bottom": lambda m: m[:, ::-1, :],
    "rotated by 180°": lambda m: m[:, ::-1, ::-1],
    "rotated by 90°": lambda m: np.rot90(m, 1, axes=(1, 2)),
    "rotated by 270°": lambda m: np.rot90(m, 3, axes=(1, 2)),
    "transposed along the other diagonal": lambda m: m[:, ::-1, ::-1].swapaxes(1, 2),
}


def labels_swapped(look: Look) -> Diagnosis | None:
    """The probability is that of the other class, in the data or in the file."""
    ranking = next((c for c in look.verdict.criteria if c.name == "reference_auroc"), None)
    if ranking is not None and ranking.outcome == "failed":
        return Diagnosis(
            cause="labels swapped in the data",
            explanation=f"the reference network ranks them the wrong way round: {ranking.explanation}",
            next_step="check which class of --data is the fracture, and the order of the classes in the contract",
        )
    p, q = look.reference.probability, look.candidate.probability
    if look.line[2] > -0.9 or np.abs(q - (1 - p)).mean() > 0.5 * np.abs(q - p).mean():
        return None
    return Diagnosis(
        cause="labels swapped in the file",
        explanation=f"its probability is that of the other class: its logits correlate {look.line[2]:.2f}",
        next_step="export the channel of the positive class; check the order of the classes in the network's head",
    )


def logits_given(look: Look) -> Diagnosis | None:
    """What is called a probability is none."""
    q = look.candidate.probability
    if q.min() >= 0 and q.max() <= 1:
        return None
    return Diagnosis(
        cause="logits given as probabilities",
        explanation=f"the output 'probability' lies in {q.min():.2f} to {q.max():.2f}",
        next_step="end the graph with the sigmoid of (mean evidence + bias) / temperature",
    )


def sigmoid_twice(look: Look) -> Diagnosis | None:
    """The sigmoid of a probability lies between 0.5 and 0.73."""
    p, q = look.reference.probability, look.candidate.probability
    twice = float(np.abs(q - expit(p)).mean())
    if twice > 0.02 or twice > 0.2 * float(np.abs(q - p).mean()):
        return None
    return Diagnosis(
        cause="sigmoid applied twice",
        explanation=f"all probabilities lie in {q.min():.2f}-{q.max():.2f}, as the sigmoid of a probability does",
        next_step="let the network return logits, not probabilities: the export adds the sigmoid",
    )


def other_channel(look: Look) -> Diagnosis | None:
    """Probability or evidence is that of another channel of the network."""
    own, candidate = look.reference, look.candidate
    for name, other in look.others.items():
        wrong = []
        if _nearer(candidate.probability, other.probability, own.probability):
            wrong.append("probability")
        if _nearer(candidate.evidence, other.evidence, own.evidence):
            wrong.append("evidence")
        if wrong:
            return Diagnosis(
                cause=f"{' and '.join(wrong)} of another channel",
                explanation=f"it is what the network says of '{name}'",
                next_step="check which channel of the output is read, and the order of the tasks in the contract",
            )
    return None


def reoriented(look: Look) -> Diagnosis | None:
    """Right logits, but a map whose axes are swapped or reversed: turning a map does not change its mean."""
    if look.maps is None or (look.map_correlation or 0.0) >= 0.9 or look.line[2] < 0.98:
        return None
    reference, candidate = look.maps
    scores = {
        name: float(evidence_correlation(reference, turned).mean())
        for name, turn in _ORIENTATIONS.items()
        if (turned := turn(candidate)).shape == reference.shape
    }
    best = max(scores, key=lambda name: scores[name])
    if scores[best] < 0.8 or scores[best] < (look.map_correlation or 0.0) + 0.2:
        return None
    return Diagnosis(
        cause=f"evidence map {best}",
        explanation=f"the maps correlate {scores[best]:.2f} with the reference when turned back",
        next_step="check the layout of the evidence output (NHWC, rows before columns)",
    )


def head(look: Look) -> Diagnosis | None:
    """Logits on a line with the reference's, but not on the diagonal: the network is right, what follows is not."""
    slope, offset, correlation = look.line
    if correlation < 0.9995:
        return None
    temperature, bias = look.facts.get("temperature", 1.0), look.facts.get("bias", 0.0)
    known = {
        "temperature left out": (temperature, 0.0),
        "temperature applied twice": (1 / temperature, 0.0),
        "bias of the head left out": (1.0, -bias / temperature),
        "bias of the head applied twice": (1.0, bias / temperature),
    }
    left = {name: _left_by(look, a, b) for name, (a, b) in known.items()}
    best = min(left, key=lambda name: left[name])
    tolerance = 0.05 * max(1.0, float(np.std(look.reference.logit)))
    if left[best] > 0.1 and abs(slope - 1) <= 0.05 and abs(offset) <= tolerance:
        return None
    return Diagnosis(
        cause=best if left[best] <= 0.1 else "temperature or bias applied wrongly",
        explanation=f"logit = {slope:.3g} · reference {offset:+.3g} throughout",
        next_step="compare temperature and bias in the contract with those of the checkpoint",
    )


def _left_by(look: Look, slope: float, offset: float) -> float:
    """What a line leaves of the difference of the logits: 0 explains all, 1 nothing."""
    x, y = look.reference.logit.astype(np.float64), look.candidate.logit.astype(np.float64)
    difference = float(np.mean((y - x) ** 2))
    return float(np.sqrt(np.mean((y - slope * x - offset) ** 2) / difference)) if difference > 0 else 1.0


def pooled_otherwise(look: Look) -> Diagnosis | None:
    """The maps are right, but the logit is not on a line with the mean of the file's own: look for what is."""
    if look.candidate.evidence is None or not _same_maps(look):
        return None
    maps, logit = look.candidate.evidence.astype(np.float64), look.candidate.logit
    own = _correlation(maps.mean((1, 2)), logit)
    if own > 0.99:
        return None
    pools = {"maximum": maps.max((1, 2)), "minimum": maps.min((1, 2))}
    fits = {name: _correlation(values, logit) for name, values in pools.items()}
    best = max(fits, key=lambda name: fits[name])
    what = f"the {best} of the map" if fits[best] > 0.999 else "something else than the map"
    return Diagnosis(
        cause="the logit is not the mean of the evidence map",
        explanation=f"the file's logits correlate {own:.2f} with the mean of its own maps; they follow {what}",
        next_step="check the operator between the evidence map and the sigmoid: a mean over height and width",
    )


def _same_maps(look: Look) -> bool:
    """Whether all up to the evidence map is right, up to the rounding of int8."""
    return look.maps is not None and distance(look.reference, look.candidate)[-1] < 0.1 * float(np.std(look.maps[0]))


def _correlation(a: Values, b: Values) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def _nearer(candidate: Values | None, other: Values | None, own: Values | None) -> bool:
    """Whether ``candidate`` is nearly ``other``, and by far nearer to it than to ``own``."""
    if candidate is None or other is None or own is None or not candidate.shape == other.shape == own.shape:
        return False
    to_other, to_own = (float(np.sqrt(np.mean((candidate - values) ** 2))) for values in (other, own))
    return to_other < 0.2 * to_own and to_other < 0.2 * float(np.std(other))
