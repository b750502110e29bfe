"""Copies within the data set, those whose labels contradict each other, and those on both sides of a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgefrac.datasets.audit.finding import UNUSABLE_SPLIT, AuditFinding, named
from edgefrac.datasets.duplicates import Duplicates
from edgefrac.datasets.sample import Dataset

TOGETHER = "kept in one fold, so that none is validated on what it was trained on"


def copy_findings(dataset: Dataset, duplicates: Duplicates, home_of: Mapping[str, str]) -> Iterator[AuditFinding]:
    """``home_of`` maps sample id -> its fold or split, where there is one."""
    label_of = {sample.id: sample.label for sample in dataset.samples}
    sha256 = duplicates.sha256
    identical = tuple(pair for pair in duplicates.pairs if sha256[pair[0]] == sha256[pair[1]])
    near = tuple(pair for pair in duplicates.pairs if sha256[pair[0]] != sha256[pair[1]])
    contradicting = tuple(pair for pair in duplicates.pairs if label_of[pair[0]] != label_of[pair[1]])
    leaking = tuple((a, b) for a, b in duplicates.pairs if a in home_of and b in home_of and home_of[a] != home_of[b])
    yield from named("identical-copies", "leaks", "Pixel-identical pairs", TOGETHER, identical)
    yield from named(
        "near-duplicates",
        "leaks",
        "Near-duplicate pairs (re-encoded, scaled, cut short, mirrored, rotated, cropped or re-windowed)",
        TOGETHER,
        near,
    )
    yield from named(
        "contradicting-copies",
        "labels",
        "Copies with contradicting labels",
        "both left out of training and evaluation: which label is right cannot be told",
        contradicting,
    )
    yield from named(
        "copies-across-splits",
        "leaks",
        "Copies on both sides of a split",
        UNUSABLE_SPLIT,
        leaking,
    )
