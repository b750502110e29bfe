"""How many radiographs there are of each class and facet, and facets that nearly decide the class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.stats import fisher_exact

from edgefrac.datasets.audit.finding import AuditFinding, Count
from edgefrac.datasets.sample import Dataset

_ODDS = 5.0  # odds ratio from which a facet counts as a shortcut
_CHANCE = 1e-4  # of Fisher's exact test: there are many facets


def facet_counts(dataset: Dataset) -> tuple[Count, ...]:
    """One row a facet and value, sorted."""
    every: Counter[tuple[str, str]] = Counter()
    positive: Counter[tuple[str, str]] = Counter()
    for sample in dataset.samples:
        every.update(sample.facets.items())
        positive.update(sample.facets.items() if sample.label else ())
    return tuple(Count(facet=f, value=v, n=n, positives=positive[f, v]) for (f, v), n in sorted(every.items()))


def count_findings(dataset: Dataset, counts: tuple[Count, ...]) -> Iterator[AuditFinding]:
    """Empty classes, facets with several values at once, and facets that go with one class."""
    held = Counter(sample.label for sample in dataset.samples)
    empty = [name for label, name in enumerate(dataset.classes) if not held[label]]
    if empty:
        yield AuditFinding(
            kind="empty-class",
            concern="counts",
            title=f"Classes without a radiograph: {', '.join(empty)}",
            rule="training and evaluation refuse a data set of one class",
            count=len(empty),
        )
    several = sorted({count.facet for count in counts if "+" in count.value})
    for facet in several:
        items = tuple((s.id,) for s in dataset.samples if "+" in s.facets.get(facet, ""))
        mixed = [s for s in dataset.samples if s.facets.get("mixed") == "yes"]
        yield AuditFinding(
            kind=f"{facet}-not-exclusive",
            concern="counts",
            title=f"Radiographs with more than one {facet}",
            rule=f"kept; each combination is a slice of its own in evaluations ({facet}=a+b)",
            count=len(items),
            items=items,
            figures={"flagged 'mixed'": len(mixed)} if facet == "region" and mixed else {},
        )
    for count in counts:
        if (finding := _shortcut(dataset, count)) is not None:
            yield finding


def _shortcut(dataset: Dataset, count: Count) -> AuditFinding | None:
    positives = sum(sample.label > 0 for sample in dataset.samples)
    inside = count.positives, count.n - count.positives
    outside = positives - count.positives, len(dataset) - positives - inside[1]
    if count.facet == "split" or sum(outside) == 0:
        return None
    odds = (inside[0] + 0.5) * (outside[1] + 0.5) / ((inside[1] + 0.5) * (outside[0] + 0.5))
    if odds < _ODDS or fisher_exact(np.array([inside, outside])).pvalue > _CHANCE:
        return None
    return AuditFinding(
        kind=f"shortcut-{count.facet}",
        concern="shortcuts",
        title=f"Shortcut: {count.positives} of {count.n} radiographs with {count.facet}={count.value} are fractured",
        rule="kept; evaluations report it as a slice of its own, and figures without it count",
        count=count.n,
        items=tuple((s.id,) for s in dataset.samples if s.facets.get(count.facet) == count.value),
        figures={"odds ratio": odds, "share of positives without it": outside[0] / sum(outside)},
    )
