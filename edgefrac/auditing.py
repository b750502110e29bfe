"""Audit: a data set in, what is wrong with it out, and the rule by which training will treat each finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgefrac.datasets.audit.annotations import box_findings, source_findings
from edgefrac.datasets.audit.copies import copy_findings
from edgefrac.datasets.audit.counts import count_findings, facet_counts
from edgefrac.datasets.audit.files import file_findings
from edgefrac.datasets.audit.finding import Audit, AuditFinding, Probe
from edgefrac.datasets.audit.leaks import leak_findings
from edgefrac.datasets.audit.shortcuts import out_of_fold_scores, probe_features
from edgefrac.datasets.duplicates import Duplicates, duplicates_among
from edgefrac.datasets.sample import Dataset
from edgefrac.datasets.splits import Folds, merged_groups
from edgefrac.datasets.survey import Look, survey
from edgefrac.progress import Track, silent
from edgefrac.verification.metrics import auroc
from edgefrac.verification.statistics import ClusterBootstrap

_TELLS = 0.6  # lower bound of the AUROC from which a source counts as a shortcut


@dataclass(frozen=True)
class Audited:
    """The audit, and what was seen of each radiograph (for its thumbnails)."""

    audit: Audit
    looks: dict[str, Look]


def audit(dataset: Dataset, *, split: Folds | None = None, workers: int = 1, track: Track = silent) -> Audited:
    """Read every radiograph once and judge the data set.

    Leaks are looked for in ``split``, or else in the data set's own splits (the facet "split"). Raises ``DatasetError``
    where a stored split does not belong to the data.
    """
    looks = survey(dataset, workers=workers, track=track)
    duplicates = duplicates_among(dataset, looks, workers=workers, track=track)
    if split is not None:
        split.require_same(duplicates.sha256)
    home_of = _homes(dataset, split)
    counts = facet_counts(dataset)
    probes, missing = _probes(dataset, looks, duplicates, track)
    findings = [
        *file_findings(looks),
        *source_findings(dataset),
        *copy_findings(dataset, duplicates, home_of),
        *leak_findings(dataset, home_of),
        *box_findings(dataset, looks),
        *count_findings(dataset, counts),
        *_shortcuts(probes),
    ]
    held = Counter(sample.label for sample in dataset.samples)
    document = Audit(
        dataset=dataset.name,
        licence=dataset.licence,
        attribution=dataset.attribution,
        n=len(dataset),
        groups=len({sample.group for sample in dataset.samples}),
        classes={name: held[label] for label, name in enumerate(dataset.classes)},
        counts=counts,
        findings=tuple(findings),
        probes=probes,
        probe_missing=missing,
        excluded=duplicates.excluded,
    )
    return Audited(document, {look.id: look for look in looks})


def _homes(dataset: Dataset, split: Folds | None) -> dict[str, str]:
    if split is not None:
        return {name: f"fold {fold}" for name, fold in split.fold_of.items()}
    return {sample.id: sample.facets["split"] for sample in dataset.samples if "split" in sample.facets}


def _probes(
    dataset: Dataset, looks: Sequence[Look], duplicates: Duplicates, track: Track
) -> tuple[tuple[Probe, ...], str]:
    """Probes over whole groups, copies joined; or why there are none."""
    try:
        import sklearn  # noqa: F401
    except ModuleNotFoundError:
        return (), "unavailable: scikit-learn is not installed; pip install 'edgefrac[audit]'"
    left_out = set(duplicates.excluded)
    kept = [(s, look) for s, look in zip(dataset.samples, looks, strict=True) if s.id not in left_out]
    if not kept:
        return (), "unavailable: no radiograph could be read"
    samples = [sample for sample, _ in kept]
    group_of = {s.id: group[0].group for group in merged_groups(samples, duplicates) for s in group}
    groups = [group_of[sample.id] for sample in samples]
    positive = np.array([sample.label > 0 for sample in samples])
    bootstrap = ClusterBootstrap(groups)
    probes = []
    for source, features in track(
        list(probe_features(samples, [look for _, look in kept]).items()), "probing for shortcuts"
    ):
        scores = out_of_fold_scores(features, positive, groups)
        if scores is None:
            return (), "unavailable: each class needs at least five patients or id blocks"
        estimate = bootstrap.estimate(auroc(positive, scores), bootstrap.auroc(positive, scores), positive)
        low, high = estimate.low, estimate.high
        interval = None if low is None or high is None else (low, high)
        least = interval[0] if interval else 0.0
        verdict = "tells the class" if least > _TELLS else "tells something" if least > 0.5 else "tells little"
        probes.append(
            Probe(
                source=source,
                features=features.shape[1],
                auroc=float(estimate.value or 0.5),
                auroc_ci=interval,
                verdict=verdict,
            )
        )
    return tuple(probes), ""


def _shortcuts(probes: Sequence[Probe]) -> list[AuditFinding]:
    return [
        AuditFinding(
            kind="probe-" + probe.source.split()[-1].strip("')"),
            concern="shortcuts",
            title=f"Shortcut: the class can be told by {probe.source} alone",
            rule="kept; the network sees grey of one size, so sizes and tables reach it only through what they did to"
            " the picture, brightness is varied in training, and flags are slices in evaluations",
            count=1,
            figures={"AUROC": probe.auroc, **_bounds(probe)},
        )
        for probe in probes
        if probe.verdict == "tells the class"
    ]


def _bounds(probe: Probe) -> dict[str, float]:
    return {"95 % from": probe.auroc_ci[0], "95 % to": probe.auroc_ci[1]} if probe.auroc_ci else {}
