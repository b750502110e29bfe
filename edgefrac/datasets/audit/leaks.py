"""Patients on both sides of a split, and neighbouring images that tell each other's label."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from edgefrac.datasets.audit.finding import UNUSABLE_SPLIT, AuditFinding, named
from edgefrac.datasets.sample import Dataset

_FEWEST = 20  # positives from which the share of positive neighbours is worth stating
_TELLING = 2.0  # times the base rate


def leak_findings(dataset: Dataset, home_of: Mapping[str, str]) -> Iterator[AuditFinding]:
    """``home_of`` maps sample id -> its fold or split, where there is one."""
    homes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for sample in dataset.samples:
        if sample.id in home_of:
            homes[sample.group].setdefault(home_of[sample.id], sample.id)
    leaking = tuple(tuple(sorted(found.values())) for found in homes.values() if len(found) > 1)
    yield from named(
        "groups-across-splits",
        "leaks",
        "Patients (or blocks of neighbouring ids) in more than one split; one radiograph of each is named",
        UNUSABLE_SPLIT,
        leaking,
    )
    yield from _neighbours(dataset)


def _neighbours(dataset: Dataset) -> Iterator[AuditFinding]:
    """Whether a positive image has a positive neighbour (number ±1) more often than chance would have it."""
    labels: dict[tuple[str, int], int] = {}
    for sample in dataset.samples:
        if match := re.search(r"^(.*?)(\d+)$", PurePosixPath(sample.id).stem):
            labels[match[1], int(match[2])] = max(sample.label, labels.get((match[1], int(match[2])), 0))
    positives = [place for place, label in labels.items() if label]
    if len(positives) < _FEWEST:
        return
    beside = sum(
        bool(labels.get((prefix, number - 1)) or labels.get((prefix, number + 1))) for prefix, number in positives
    )
    base = len(positives) / len(labels)
    share, by_chance = beside / len(positives), 1 - (1 - base) ** 2
    if share < _TELLING * by_chance:
        return
    blocks = sum("ids " in sample.group for sample in dataset.samples)
    yield AuditFinding(
        kind="neighbours-alike",
        concern="leaks",
        title="Neighbouring ids are the same patient: a random split leaks",
        rule="folds are made of whole patients, or of whole blocks of neighbouring ids where patients are unknown",
        count=beside,
        figures={
            "positives with a positive neighbour at id ±1": share,
            "expected by chance": by_chance,
            "share of positives": base,
            "radiographs grouped by id blocks": blocks,
        },
    )
