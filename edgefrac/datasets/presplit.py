"""Splits that a data set brings along: kept as the facet 'split', and searched for patients in more than one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from edgefrac.datasets.findings import Findings
from edgefrac.datasets.sample import Sample

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_named(word: str) -> str | None:
    """ "train", "val" or "test" if ``word`` is a usual name of one of them, else None."""
    return _SPLITS.get(word.lower())


def report_splits(samples: Iterable[Sample], findings: Findings) -> None:
    """Note which splits there are, and each group that lies in more than one."""
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if "split" in sample.facets:
            splits[sample.group].add(sample.facets["split"])
    for split in sorted({name for names in splits.values() for name in names}):
        findings.add("the data's own split is kept as the facet 'split', not used for folds", split)
    for group, names in splits.items():
        if len(names) > 1:
            findings.add("group in more than one of the data's own splits", group)
