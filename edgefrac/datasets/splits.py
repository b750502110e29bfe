"""k folds of whole groups, so that no patient (or block of neighbouring ids, or duplicate) is in two of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefrac import durable
from edgefrac.contract import remembered
from edgefrac.datasets.duplicates import Duplicates
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.errors import DatasetError


class Folds(BaseModel):
    """Which fold each sample belongs to (``edgefrac.split/1``).

    ``fold_of`` maps sample id -> 0 … k-1. ``excluded`` samples (unreadable, or pixel-identical to one of the other
    label) are in no fold. ``sha256`` holds the raster hashes (``Radiograph.sha256``) if duplicates were looked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_id: Literal["edgefrac.split/1"] = Field(default="edgefrac.split/1", alias="schema")
    dataset: str
    k: int = Field(ge=2)
    seed: int
    fold_of: dict[str, int]
    excluded: tuple[str, ...] = ()
    sha256: dict[str, str] = {}
    findings: tuple[str, ...] = ()

    def split(self, dataset: Dataset, fold: int) -> tuple[list[Sample], list[Sample]]:
        """(training, validation) samples with ``fold`` held out; raises ``DatasetError`` for unknown samples."""
        if not 0 <= fold < self.k:
            raise DatasetError(f"{self.dataset}: no fold {fold}, the split has {self.k} (from 0)")
        excluded = set(self.excluded)
        inside = [s for s in dataset.samples if s.id not in excluded]
        unknown = [s.id for s in inside if s.id not in self.fold_of]
        if unknown:
            raise DatasetError(
                f"{dataset.name}: {len(unknown)} samples are in no fold of the split, for example {unknown[0]}",
                hint="make the split anew for this data",
            )
        training = [s for s in inside if self.fold_of[s.id] != fold]
        return training, [s for s in inside if self.fold_of[s.id] == fold]

    def without(self, fold: int) -> Folds:
        """The same split with the samples of ``fold`` in no fold at all."""
        gone = [name for name, number in self.fold_of.items() if number == fold]
        left = {name: number for name, number in self.fold_of.items() if number != fold}
        return self.model_copy(update={"fold_of": left, "excluded": tuple(sorted({*self.excluded, *gone}))})

    def require_same(self, sha256: Mapping[str, str]) -> None:
        """Refuse data that are not those the split was made for; raises ``DatasetError``.

        ``sha256`` maps sample id -> ``Radiograph.sha256`` of every radiograph that can be read. A split that was made
        without looking at the pixels can tell missing and new radiographs only.
        """
        self.require_unchanged(sha256)
        known = self.fold_of.keys() | set(self.excluded)
        problems = {
            "missing": sorted(self.fold_of.keys() - sha256.keys()),
            "new": sorted(sha256.keys() - known),
        }
        said = [f"{len(names)} {what} (such as {names[0]})" for what, names in problems.items() if names]
        if said:
            raise DatasetError(
                f"{self.dataset}: the radiographs are not those of the split: {', '.join(said)}",
                hint="make the split anew for this data: edgefrac data split",
            )

    def require_unchanged(self, sha256: Mapping[str, str]) -> None:
        """Refuse radiographs (sample id -> raster hash) that are others than when the split was made."""
        changed = sorted(name for name, digest in sha256.items() if self.sha256.get(name, digest) != digest)
        if changed:
            raise DatasetError(
                f"{self.dataset}: {len(changed)} radiographs changed since the split was made (such as {changed[0]})",
                hint="make the split anew for this data: edgefrac data split",
            )

    def save(self, path: Path) -> None:
        """Write as JSON; raises ``OutputError``."""
        durable.write(path, self.model_dump_json(by_alias=True, indent=1).encode())


def make_folds(
    dataset: Dataset, *, k: int = 5, seed: int = 0, duplicates: Duplicates | None = None, stratify: str = ""
) -> Folds:
    """Deal whole groups to ``k`` folds of like size and like number of positives; deterministic.

    With ``stratify`` the values of that facet ("region") are dealt evenly too. Groups linked by a duplicate are merged.
    ``duplicates=None`` skips that (and any decoding), which a finding says. Raises ``DatasetError`` if there are fewer
    groups than folds, a fold would hold one class only, or no sample has the facet.
    """
    if stratify and not any(stratify in sample.facets for sample in dataset.samples):
        facets = ", ".join(sorted({facet for sample in dataset.samples for facet in sample.facets})) or "none"
        raise DatasetError(f"{dataset.name}: no radiograph has the facet '{stratify}'", hint=f"its facets: {facets}")
    dropped = set(duplicates.excluded) if duplicates else set()
    samples = [s for s in dataset.samples if s.id not in dropped]
    groups = merged_groups(samples, duplicates)
    if len(groups) < k:
        raise DatasetError(
            f"{dataset.name}: {len(groups)} independent groups of samples cannot fill {k} folds",
            hint="use fewer folds or more patients",
        )
    folds = _deal(groups, k, seed, stratify)
    if any(len({s.label for s in fold}) < len(dataset.classes) for fold in folds):
        raise DatasetError(f"{dataset.name}: some of the {k} folds would hold one class only", hint="use fewer folds")
    skipped = (
        () if duplicates or dataset.synthetic else ("near-duplicates were not looked for, so some may be in two folds",)
    )
    return Folds(
        dataset=dataset.name,
        k=k,
        seed=seed,
        fold_of={s.id: number for number, fold in enumerate(folds) for s in fold},
        excluded=tuple(sorted(dropped)),
        sha256=duplicates.sha256 if duplicates else {},
        findings=(*dataset.findings, *(duplicates.findings if duplicates else skipped)),
    )


def load_folds(path: Path) -> Folds:
    """Read and validate a stored split; raises ``DatasetError``."""
    try:
        folds = Folds.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise DatasetError(f"{path}: not a split ({where}: {first['msg']})") from error
    if wrong := [sample for sample, fold in folds.fold_of.items() if not 0 <= fold < folds.k]:
        raise DatasetError(f"{path}: {wrong[0]} is in fold {folds.fold_of[wrong[0]]}, but there are {folds.k}")
    return folds


def check_disjoint(training: Iterable[str], held_out: Mapping[str, str]) -> None:
    """Refuse to evaluate on what was trained on; raises ``DatasetError`` naming one such radiograph.

    ``training`` holds raster hashes (``Radiograph.sha256``) or their 12-digit prefixes
    (``TrainingData.seen_hashes``), ``held_out`` maps sample id -> raster hash.
    """
    seen = {remembered(digest) for digest in training}
    both = [name for name, digest in held_out.items() if remembered(digest) in seen]
    if both:
        raise DatasetError(
            f"{len(both)} of {len(held_out)} held-out radiographs are among those trained on, such as {both[0]}",
            hint="evaluate on the fold that was held out when the model was trained",
        )


def merged_groups(samples: list[Sample], duplicates: Duplicates | None) -> list[list[Sample]]:
    """Groups of samples that no split may separate: a duplicate pair joins the groups of its two images."""
    parent = {s.group: s.group for s in samples}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = group = parent[parent[group]]
        return group

    group_of = {s.id: s.group for s in samples}
    for a, b in duplicates.pairs if duplicates else ():
        if a in group_of and b in group_of:
            first, second = sorted((root(group_of[a]), root(group_of[b])))
            parent[second] = first
    merged: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        merged[root(sample.group)].append(sample)
    return [merged[group] for group in sorted(merged)]


def _deal(groups: list[list[Sample]], k: int, seed: int, stratify: str) -> list[list[Sample]]:
    """Greedy: the groups with most positives first (ties shuffled), each to the fold that lacks most."""
    order = np.random.default_rng(seed).permutation(len(groups))
    amounts = _amounts(groups, stratify)
    shares = amounts.sum(axis=0) / k
    amounts = amounts / np.where(shares > 0, shares, 1)
    folds: list[list[Sample]] = [[] for _ in range(k)]
    filled = np.zeros((k, amounts.shape[1]))
    for i in sorted(order.tolist(), key=lambda i: -amounts[i, 0]):
        target = int(np.argmin(((filled + amounts[i]) ** 2 - filled**2).sum(axis=1)))
        folds[target].extend(groups[i])
        filled[target] += amounts[i]
    return folds


def _amounts(groups: list[list[Sample]], stratify: str) -> NDArray[np.float64]:
    """What is dealt evenly, a row a group: positives, samples, and samples with each value of the facet."""
    values = sorted({s.facets[stratify] for group in groups for s in group if stratify in s.facets}) if stratify else []
    rows = [
        [
            Counter(s.label for s in group)[1],
            len(group),
            *(sum(s.facets.get(stratify) == value for s in group) for value in values),
        ]
        for group in groups
    ]
    return np.array(rows, np.float64)
