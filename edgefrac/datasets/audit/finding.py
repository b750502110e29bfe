"""What the audit says: findings, each with the rule by which training treats it, and what a linear probe predicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Concern = Literal["files", "labels", "leaks", "boxes", "shortcuts", "counts"]
Figure = int | float | str


class _Stated(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class AuditFinding(_Stated):
    """One kind of problem.

    ``items`` are the sample ids it touches, two for a pair. ``rule`` is what training and evaluation do about it.
    """

    kind: str
    concern: Concern
    title: str
    rule: str
    count: int
    items: tuple[tuple[str, ...], ...] = ()
    figures: dict[str, Figure] = {}


UNUSABLE_SPLIT = "the split is not to be used: make another with edgefrac data split"


def named(
    kind: str, concern: Concern, title: str, rule: str, items: tuple[tuple[str, ...], ...]
) -> Iterator[AuditFinding]:
    """The finding that counts and names ``items``; none where there are none."""
    if items:
        yield AuditFinding(kind=kind, concern=concern, title=title, rule=rule, count=len(items), items=items)


class Probe(_Stated):
    """How well a linear classifier tells class 0 from the others by ``source`` alone: AUROC over unseen groups."""

    source: str
    features: int
    auroc: float
    auroc_ci: tuple[float, float] | None
    verdict: str


class Count(_Stated):
    """Radiographs with one value of a facet, and how many of them are of another class than the first."""

    facet: str
    value: str
    n: int
    positives: int


class Audit(_Stated):
    """The whole audit (``edgefrac.audit/1``); ``probe_missing`` says why there are no probes, where there are none."""

    schema_id: Literal["edgefrac.audit/1"] = Field(default="edgefrac.audit/1", alias="schema")
    dataset: str
    licence: str
    attribution: str
    n: int
    groups: int
    classes: dict[str, int]
    counts: tuple[Count, ...]
    findings: tuple[AuditFinding, ...]
    probes: tuple[Probe, ...]
    probe_missing: str = ""
    excluded: tuple[str, ...]

    def finding(self, kind: str) -> AuditFinding | None:
        """The finding of that kind, if there is one."""
        return next((finding for finding in self.findings if finding.kind == kind), None)
