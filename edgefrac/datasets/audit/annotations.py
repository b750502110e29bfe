"""What the files of a data set contradict each other about, and boxes that cannot be or can hardly be seen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from edgefrac.datasets.audit.finding import AuditFinding, Concern
from edgefrac.datasets.findings import Finding
from edgefrac.datasets.sample import Box, Dataset
from edgefrac.datasets.survey import Look

_SLACK = 1.5  # pixels by which annotators' boxes may stick out
_SMALL = 0.01  # share of the image below which a median box is called small
_INPUT = 320  # pixels of the longer side at which box sizes are stated
_BOXES, _LABELS, _SPLITS = ("box", "annotat"), ("contradict", "label", "class"), ("split",)


def source_findings(dataset: Dataset) -> Iterator[AuditFinding]:
    """What the source found on opening; each states its own rule after the comma."""
    known = {sample.id for sample in dataset.samples}
    for line in dataset.findings:
        kind, names = (line.kind, line.names) if isinstance(line, Finding) else (line, ())
        title, _, rule = kind.partition(", ")
        yield AuditFinding(
            kind="source-" + re.sub(r"\W+", "-", title.lower()).strip("-"),
            concern=_concern(kind),
            title=title[:1].upper() + title[1:],
            rule=rule or "stated; nothing is left out",
            count=len(names) or 1,
            items=tuple((name,) for name in names),
            figures={} if known.issuperset(names) else {"named": "files or groups rather than radiographs"},
        )


def box_findings(dataset: Dataset, looks: Sequence[Look]) -> Iterator[AuditFinding]:
    """Boxes outside their image, with swapped axes, in other units, on negatives; and how small they are."""
    size_of = {look.id: (look.width, look.height) for look in looks if not look.error}
    odd: dict[str, list[str]] = {"swapped": [], "units": [], "outside": [], "negative": []}
    shares, sides = [], []
    for sample in dataset.samples:
        if sample.boxes and not sample.label:
            odd["negative"].append(sample.id)
        if sample.id not in size_of:
            continue
        width, height = size_of[sample.id]
        for box in sample.boxes:
            if problem := _problem(box, width, height):
                odd[problem].append(sample.id)
            else:
                shares.append(box.width * box.height / (width * height))
                sides.append(min(box.width, box.height) * _INPUT / max(width, height))
    leave = "stated; repair the file of annotations, the box teaches a wrong place"
    titles = {
        "swapped": ("Boxes that fit only with x and y swapped", leave),
        "units": ("Boxes in shares of the image instead of pixels", leave),
        "outside": ("Boxes outside the image or empty", leave),
        "negative": ("Boxes on radiographs without fracture", "stated; the label stays as the source gave it"),
    }
    for problem, names in odd.items():
        if names:
            title, rule = titles[problem]
            items = tuple((name,) for name in dict.fromkeys(names))
            yield AuditFinding(
                kind=f"boxes-{problem}", concern="boxes", title=title, rule=rule, count=len(names), items=items
            )
    if shares and np.median(shares) < _SMALL:
        yield _small(shares, sides)


def _small(shares: list[float], sides: list[float]) -> AuditFinding:
    return AuditFinding(
        kind="small-targets",
        concern="boxes",
        title="Small targets: the median box covers less than 1 % of its image",
        rule="kept; choose the input size with the boxes in mind, and supervise the evidence map with them",
        count=len(shares),
        figures={
            "median share of the image": float(np.median(shares)),
            "5 % quantile of the share": float(np.quantile(shares, 0.05)),
            f"median shorter side at {_INPUT} px input, in pixels": float(np.median(sides)),
        },
    )


def _problem(box: Box, width: int, height: int) -> str:
    if max(box.x, box.y, box.width, box.height) <= 1:
        return "units"
    if _fits(box, width, height):
        return ""
    return "swapped" if _fits(Box(box.y, box.x, box.height, box.width), width, height) else "outside"


def _fits(box: Box, width: int, height: int) -> bool:
    return (
        min(box.width, box.height) > 0
        and min(box.x, box.y) >= -_SLACK
        and box.x + box.width <= width + _SLACK
        and box.y + box.height <= height + _SLACK
    )


def _concern(kind: str) -> Concern:
    if any(word in kind for word in _SPLITS):
        return "leaks"
    if any(word in kind for word in _LABELS):
        return "labels"
    return "boxes" if any(word in kind for word in _BOXES) else "files"
