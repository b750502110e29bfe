"""What goes into the gate and what comes out: limits, outputs, criteria, verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from edgefrac.contract import Precision
from edgefrac.verification.statistics import Estimate

Outcome = Literal["passed", "failed", "undecided"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Limits(_Strict):
    """What must hold, by default the design's table "Gate and certificate"; an export recipe may change it.

    Losses, rises and flips are shares (0.01 is one point); differences are absolute, evidence in log-odds. Rounding
    of float32 grows with the numbers it rounds, so ``evidence_relative`` of the largest evidence is added to a limit of
    evidence: a cell that alone makes an image positive is large under a mean (about h·w log-odds).
    """

    fp32_probability: float = Field(default=1e-5, ge=0)
    fp32_evidence: float = Field(default=1e-4, ge=0)
    evidence_relative: float = Field(default=1e-5, ge=0)
    fp16_probability: float = Field(default=5e-3, ge=0)
    fp16_evidence: float = Field(default=5e-3, ge=0)
    auroc_loss: float = Field(default=0.01, ge=0)
    sensitivity_loss: float = Field(default=0.01, ge=0)
    specificity_loss: float = Field(default=0.01, ge=0)
    flips: float = Field(default=0.01, ge=0)
    ece_rise: float = Field(default=0.01, ge=0)
    evidence_correlation: float = Field(default=0.95, ge=-1, le=1)
    min_positives: int = Field(default=50, ge=2)
    min_negatives: int = Field(default=50, ge=2)
    min_groups: int = Field(default=10, ge=2)


class Criterion(_Strict):
    """One line of the gate; ``beside`` holds figures that are reported with it."""

    name: str
    estimate: Estimate
    limit: float
    outcome: Outcome
    explanation: str
    beside: dict[str, float | None] = Field(default_factory=dict)


class Change(_Strict):
    """One image that the file answers differently: its hash, its label, and the probability before and after."""

    id: str
    label: int
    reference: float
    candidate: float


class Verdict(_Strict):
    """The gate's result for one file; differences and the loss of AUROC are given for every precision."""

    verdict: Outcome
    precision: Precision
    criteria: tuple[Criterion, ...]
    flips: tuple[Change, ...] = Field(default=(), description="images decided differently at the threshold")
    furthest: tuple[Change, ...] = Field(
        default=(), description="images whose probability changes most, first the most"
    )
    auroc_loss: Estimate = Estimate()
    max_abs_diff: float | None = Field(default=None, description="largest difference of probability")
    max_abs_diff_evidence: float | None = None

    @property
    def reasons(self) -> list[str]:
        """Explanations of the criteria that did not pass, failures first."""
        return [c.explanation for outcome in ("failed", "undecided") for c in self.criteria if c.outcome == outcome]


@dataclass(frozen=True)
class Outputs:
    """What one model said about N images.

    ``logit`` float [N] is calibrated (after temperature), so that ``probability`` [N] is its sigmoid; ``evidence`` is
    float [N, h, w] in log-odds, or None for a network without an exact evidence map.
    """

    logit: NDArray[np.floating]
    probability: NDArray[np.floating]
    evidence: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        n = len(self.probability)
        if self.logit.shape != (n,) or self.probability.shape != (n,):
            raise ValueError(f"logits {self.logit.shape} and probabilities {self.probability.shape}: both must be [N]")
        if self.evidence is not None and (self.evidence.ndim != 3 or len(self.evidence) != n):
            raise ValueError(f"evidence of shape {self.evidence.shape}: expected [{n}, h, w]")

    @property
    def not_finite(self) -> int:
        """Number of images with a NaN or infinite output."""
        bad = ~(np.isfinite(self.logit) & np.isfinite(self.probability))
        if self.evidence is not None:
            bad |= ~np.isfinite(self.evidence).all(axis=(1, 2))
        return int(bad.sum())


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """One failure fails all; else one undecided leaves all undecided."""
    found = set(outcomes)
    return "failed" if "failed" in found else "undecided" if "undecided" in found else "passed"
