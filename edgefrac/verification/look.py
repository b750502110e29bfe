"""The outputs of both models side by side, and the few figures that the rules of the diagnosis ask for again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypedDict

import numpy as np
from pydantic import BaseModel, ConfigDict

from edgefrac.contract import ON_CODES
from edgefrac.targets.layers import Layer
from edgefrac.verification.metrics import Floats, evidence_correlation
from edgefrac.verification.verdict import Outputs, Verdict


class Diagnosis(BaseModel):
    """The likely cause of a failed gate, what shows it, and the next thing to try; one line each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cause: str
    explanation: str
    next_step: str


class FileFacts(TypedDict, total=False):
    """What is known of the file besides its outputs; whatever is unknown is left out.

    ``op_dtypes`` counts operators by the dtype of their output, ``calibration_smoothness`` is that of the calibration
    images by ``smoothness`` and ``calibration_images`` the number of different ones, ``float32_passed`` whether the
    float32 file of the same network passed its gate, ``temperature`` and ``bias`` are those of the network, ``layers``
    are the convolutions of the file, each beside the network's own.
    """

    input_scale: float
    input_zero_point: int
    op_dtypes: Mapping[str, int]
    calibration_source: str
    calibration_smoothness: float
    calibration_images: int
    float32_passed: bool
    temperature: float
    bias: float
    layers: tuple[tuple[Layer, Layer], ...]


@dataclass(frozen=True)
class Look:
    """The outputs of both models and what the rules want to know of them.

    ``others`` are what the reference says in its other channels, by name.
    """

    reference: Outputs
    candidate: Outputs
    verdict: Verdict
    facts: FileFacts
    others: Mapping[str, Outputs] = field(default_factory=dict)

    @property
    def is_float(self) -> bool:
        """Whether the file is to be compared number by number."""
        return self.verdict.precision not in ON_CODES

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


def distance(a: Outputs, b: Outputs) -> tuple[float, ...]:
    """Root mean square difference of the logits, and of the evidence maps where both have them in one shape."""
    pairs = [(a.logit, b.logit)]
    if a.evidence is not None and b.evidence is not None and a.evidence.shape == b.evidence.shape:
        pairs.append((a.evidence, b.evidence))
    return tuple(float(np.sqrt(np.mean((x.astype(np.float64) - y.astype(np.float64)) ** 2))) for x, y in pairs)


def _at_the_edges(maps: Floats) -> float:
    return float(((maps == maps.min()) | (maps == maps.max())).mean())
