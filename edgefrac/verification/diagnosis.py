"""Why did a file fail its gate, and what to try next? Rules over the outputs and over facts about the file.

The rules are asked in order, the most specific first; the first that fits names the cause. Each looks for the trace
that a known fault leaves in the numbers, so that they hold for every target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.special import expit

from edgefrac.verification.metrics import Floats, evidence_correlation
from edgefrac.verification.verdict import Outputs, Verdict

INPUT_SCALE = 1 / 128  # of edgefrac.preprocess/1: the network sees (x - 128) / 128
INPUT_ZERO_POINTS = (0, 128)  # as int8 and as uint8
_NOISE = 0.5  # neighbouring pixels of radiographs correlate above 0.9, those of noise hardly

_ORIENTATIONS: dict[str, Callable[[Floats], Floats]] = {
    "transposed": lambda m: m.swapaxes(1, 2),
    "flipped left to right": lambda m: m[:, :, ::-1],
    "flipped top to bottom": lambda m: m[:, ::-1, :],
    "rotated by 180°": lambda m: m[:, ::-1, ::-1],
    "rotated by 90°": lambda m: np.rot90(m, 1, axes=(1, 2)),
    "rotated by 270°": lambda m: np.rot90(m, 3, axes=(1, 2)),
    "transposed along the other diagonal": lambda m: m[:, ::-1, ::-1].swapaxes(1, 2),
}


class Diagnosis(BaseModel):
    """The likely cause of a failed gate, what shows it, and the next thing to try; one line each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cause: str
    explanation: str
    next_step: str


class FileFacts(TypedDict, total=False):
    """What is known of the file besides its outputs; whatever is unknown is left out.

    ``op_dtypes`` counts operators by the dtype of their output, ``calibration_smoothness`` is that of the calibration
    images by ``smoothness``, ``float32_passed`` whether the float32 file of the same network passed its gate.
    """

    input_scale: float
    input_zero_point: int
    op_dtypes: Mapping[str, int]
    calibration_source: str
    calibration_smoothness: float
    float32_passed: bool


def diagnose(reference: Outputs, candidate: Outputs, verdict: Verdict, facts: FileFacts) -> Diagnosis | None:
    """Name the likely cause of a verdict that is not "passed".

    A file that passed gets ``None``, unless it is no int8 file at all: that the numbers alone cannot fail.
    """
    silently_float = _silently_float(verdict, facts)
    if silently_float or verdict.verdict == "passed":
        return silently_float
    if verdict.verdict == "undecided":
        return Diagnosis(
            cause="too few images to decide",
            explanation="; ".join(verdict.reasons),
            next_step="give more labelled radiographs with --data",
        )
    if candidate.not_finite:
        return Diagnosis(
            cause="numbers overflow",
            explanation=f"{candidate.not_finite} images give NaN or infinity",
            next_step="export with --precision fp32 and look for very large weights or activations",
        )
    look = _Look(reference, candidate, verdict, facts)
    rules = (_labels_swapped, _sigmoid_twice, _reoriented, _input_quantization, _head, _calibration, _normalisation)
    return next((found for rule in rules if (found := rule(look))), None) or _remainder(look)


def smoothness(images: NDArray[np.uint8]) -> float:
    """Median over images (uint8 [N, S, S]) of the correlation of neighbouring pixels: near 1 for radiographs."""
    return float(np.median([evidence_correlation(i[None, :, :-1], i[None, :, 1:])[0] for i in images]))


@dataclass(frozen=True)
class _Look:
    """The outputs of both models and what the rules want to know of them."""

    reference: Outputs
    candidate: Outputs
    verdict: Verdict
    facts: FileFacts

    @property
    def is_float(self) -> bool:
        return self.verdict.precision != "int8"

    @cached_property
    def line(self) -> tuple[float, float, float]:
        """Least squares ``candidate logit = slope * reference logit + offset``, with the correlation."""
        x, y = self.reference.logit.astype(np.float64), self.candidate.logit.astype(np.float64)
        spread_x, spread_y = float(x.std()), float(y.std())
        if spread_x == 0 or spread_y == 0:
            return 0.0, float(y.mean()), 0.0
        correlation = float(((x - x.mean()) * (y - y.mean())).mean()) / (spread_x * spread_y)
        slope = correlation * spread_y / spread_x
        return slope, float(y.mean() - slope * x.mean()), correlation

    @cached_property
    def maps(self) -> tuple[Floats, Floats] | None:
        """Evidence of both as float64, where it can be compared."""
        a, b = self.reference.evidence, self.candidate.evidence
        if a is None or b is None or a.size == 0 or (a.shape[0], a[0].size) != (b.shape[0], b[0].size):
            return None
        return a.astype(np.float64), b.astype(np.float64)

    @cached_property
    def map_correlation(self) -> float | None:
        """Mean correlation of the evidence maps, where they have the same shape."""
        if self.maps is None or self.maps[0].shape != self.maps[1].shape:
            return None
        return float(evidence_correlation(*self.maps).mean())

    @cached_property
    def spread(self) -> float:
        """Spread of the candidate's evidence (of its logits where there is none) relative to the reference's."""
        a, b = self.maps or (self.reference.logit, self.candidate.logit)
        return float(np.std(b) / max(float(np.std(a)), 1e-12))

    @cached_property
    def clipped(self) -> float:
        """Share of evidence cells at the candidate's own smallest or largest value, less that of the reference."""
        return _at_the_edges(self.maps[1]) - _at_the_edges(self.maps[0]) if self.maps else 0.0

    @cached_property
    def levels(self) -> int | None:
        """How many different values the candidate's evidence takes."""
        return int(np.unique(self.maps[1]).size) if self.maps else None


def _silently_float(verdict: Verdict, facts: FileFacts) -> Diagnosis | None:
    dtypes = facts.get("op_dtypes", {})
    total, quantized = sum(dtypes.values()), sum(dtypes.get(name, 0) for name in ("int8", "uint8", "int32"))
    if verdict.precision != "int8" or total == 0 or quantized > total / 2:
        return None
    return Diagnosis(
        cause="the file is silently float",
        explanation=f"only {quantized} of its {total} operators compute in integers",
        next_step="look at the operators with 'edgefrac inspect'; the network may have ones without an int8 form",
    )


def _labels_swapped(look: _Look) -> Diagnosis | None:
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


def _sigmoid_twice(look: _Look) -> Diagnosis | None:
    p, q = look.reference.probability, look.candidate.probability
    twice = float(np.abs(q - expit(p)).mean())
    if twice > 0.02 or twice > 0.2 * float(np.abs(q - p).mean()):
        return None
    return Diagnosis(
        cause="sigmoid applied twice",
        explanation=f"all probabilities lie in {q.min():.2f}-{q.max():.2f}, as the sigmoid of a probability does",
        next_step="let the network return logits, not probabilities: the export adds the sigmoid",
    )


def _reoriented(look: _Look) -> Diagnosis | None:
    if look.maps is None or (look.map_correlation or 0.0) >= 0.9:
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


def _input_quantization(look: _Look) -> Diagnosis | None:
    scale, zero = look.facts.get("input_scale", INPUT_SCALE), look.facts.get("input_zero_point", 0)
    if np.isclose(scale, INPUT_SCALE, rtol=1e-6) and zero in INPUT_ZERO_POINTS:
        return None
    return Diagnosis(
        cause="input quantized wrongly",
        explanation=f"scale {scale:g} and zero point {zero} instead of 1/128 and 0 (int8) or 128 (uint8)",
        next_step="quantize with the input fixed to (x - 128) / 128, whatever the calibration saw",
    )


def _head(look: _Look) -> Diagnosis | None:
    """Logits on a line with the reference's, but not on the diagonal: the network is right, what follows is not."""
    slope, offset, correlation = look.line
    off_diagonal = abs(slope - 1) > 0.05 or abs(offset) > 0.05 * max(1.0, float(np.std(look.reference.logit)))
    if correlation < 0.9995 or not off_diagonal:
        return None
    return Diagnosis(
        cause="temperature or bias applied wrongly",
        explanation=f"logit = {slope:.3g} · reference {offset:+.3g} throughout",
        next_step="compare temperature and bias in the contract with those of the checkpoint",
    )


def _calibration(look: _Look) -> Diagnosis | None:
    """Activation ranges taken from something else than radiographs clip the maps or leave them a few levels."""
    if look.is_float or look.facts.get("float32_passed") is False:
        return None
    traces = []
    smooth = look.facts.get("calibration_smoothness")
    if smooth is not None and smooth < _NOISE:
        traces.append(f"neighbouring pixels of the calibration images correlate only {smooth:.2f}")
    if look.clipped > 0.01:
        traces.append(f"{100 * look.clipped:.0f} % of the evidence cells are clipped")
    if look.levels is not None and look.levels < 24:
        traces.append(f"the evidence takes only {look.levels} different values")
    if look.facts.get("float32_passed") and not 0.6 < look.spread < 1.6:
        traces.append(f"the evidence varies {look.spread:.2f} times as much as the reference's")
    if not traces:
        return None
    source = look.facts.get("calibration_source", "")
    return Diagnosis(
        cause="activation ranges do not fit radiographs: calibration on noise or foreign images",
        explanation="; ".join(traces) + (f" (calibrated on: {source})" if source else ""),
        next_step="calibrate on radiographs of the training split (--calibration DIR)",
    )


def _normalisation(look: _Look) -> Diagnosis | None:
    """The network computes, but on an input it was not trained for: a float32 file fails as well."""
    slope, offset, correlation = look.line
    moved = abs(offset) > 0.5 * float(np.std(look.reference.logit)) or not 0.6 < slope < 1.6
    known = (look.is_float and correlation < 0.9995) or look.facts.get("float32_passed") is False
    if look.facts.get("float32_passed") or not (known or moved):
        return None
    return Diagnosis(
        cause="input normalisation is wrong: mean and standard deviation applied twice, or others than in training",
        explanation=f"logits fit {slope:.2f} · reference {offset:+.2f} with correlation {correlation:.2f}"
        + (", and so already without quantization" if known else ""),
        next_step="feed the network (x - 128) / 128 once; fold any mean and standard deviation into its first layer",
    )


def _remainder(look: _Look) -> Diagnosis:
    reasons = "; ".join(look.verdict.reasons)
    if look.is_float:
        return Diagnosis(
            cause="the conversion is not exact enough",
            explanation=reasons,
            next_step="look for operators that the converter replaced or fused, with 'edgefrac inspect'",
        )
    return Diagnosis(
        cause="quantization too coarse for this network",
        explanation=reasons,
        next_step="try more calibration radiographs, mixed precision for the layers that lose most, or fp16",
    )


def _at_the_edges(maps: Floats) -> float:
    return float(((maps == maps.min()) | (maps == maps.max())).mean())
