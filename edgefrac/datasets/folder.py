"""A folder (or .zip) with one sub-folder per class, in whatever nesting: the form in which people bring their own data.

The class is the outermost folder with a known name ("fracture/…", "train/normal/patient7/…"), or one that ends in
"_positive" or "_negative" (as in MURA). Any other folder on the way to an image names the patient, unless all images
share it. Without those, images are grouped by blocks of the number at the end of their name, since neighbours tend to
be of one patient; without a number each stands alone.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path, PurePosixPath

from edgefrac.datasets.blocks import id_blocks
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import CLASSES, Dataset, Sample
from edgefrac.datasets.store import Store, open_store
from edgefrac.errors import DatasetError

IMAGES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")
POSITIVE = frozenset(("fracture", "fractures", "fractured", "broken", "positive", "abnormal", "1", "yes"))
NEGATIVE = frozenset(("normal", "healthy", "negative", "unfractured", "nonfractured", "0", "no")) | {
    f"{no}_{fracture}" for no in ("no", "not", "non") for fracture in ("fracture", "fractures", "fractured")
}
SPLITS = frozenset(("train", "training", "val", "valid", "validation", "test", "testing"))
HINT = "one sub-folder per class, for example DIR/fracture/*.png and DIR/normal/*.png"


@source
def open_folder(location: str) -> Dataset:
    """Open a folder or zip of classes; raises ``DatasetError`` if a class or every image is missing."""
    store = open_store(Path(location))
    images = [name for name in store.names if name.lower().endswith(IMAGES)]
    if not images:
        raise DatasetError(f"{location}: no images in it ({', '.join(IMAGES)})", hint=HINT)
    findings = Findings()
    for name in sorted(set(store.names) - set(images)):
        findings.add("not an image by its name, passed over", name)
    shared = frozenset.intersection(*(frozenset(name.split("/")[:-1]) for name in images))
    samples = [sample for name in images if (sample := _sample(store, name, shared, findings))]
    found = Counter(sample.label for sample in samples)
    if not samples:
        folders = ", ".join(sorted({name.split("/")[0] for name in images if "/" in name})[:5]) or "none"
        raise DatasetError(f"{location}: no folder is named like a class (folders: {folders})", hint=HINT)
    for label, title in enumerate(CLASSES):
        if not found[label]:
            raise DatasetError(f"{location}: no images of class '{title}', only of '{CLASSES[1 - label]}'", hint=HINT)
    grouped = _grouped(samples)
    _find_leaks(grouped, findings)
    return Dataset(Path(location).resolve().name, tuple(grouped), findings=findings.lines())


def _sample(store: Store, name: str, shared: frozenset[str], findings: Findings) -> Sample | None:
    """The sample, grouped by its patient's folder if there is one, else with an empty group."""
    folders = PurePosixPath(name).parts[:-1]
    classes = [(i, label) for i, folder in enumerate(folders) if (label := _label(folder)) is not None]
    if not classes:
        findings.add("in no folder named like a class, left out", name)
        return None
    place, label = classes[0]
    split = next((folder for folder in folders if folder.lower() in SPLITS), "")
    patient = [f for i, f in enumerate(folders) if i != place and f.lower() not in SPLITS and f not in shared]
    return Sample(name, label, store.reader(name), "/".join(patient), facets={"split": split} if split else {})


def _label(folder: str) -> int | None:
    plain = re.sub(r"[\s_-]+", "_", folder.lower()).strip("_")
    if plain in POSITIVE or plain.endswith("_positive"):
        return 1
    if plain in NEGATIVE or plain.endswith("_negative"):
        return 0
    return None


def _grouped(samples: list[Sample]) -> list[Sample]:
    """Name the groups of samples without a patient: blocks of numbers per prefix, else the file itself."""
    series: defaultdict[str, list[tuple[int, Sample]]] = defaultdict(list)
    group_of: dict[str, str] = {}
    for sample in samples:
        stem = PurePosixPath(sample.id).stem
        if sample.group:
            group_of[sample.id] = sample.group
        elif number := re.search(r"\d+$", stem):
            series[stem[: number.start()]].append((int(number.group()), sample))
        else:
            group_of[sample.id] = sample.id
    for prefix, members in series.items():
        blocks = id_blocks([number for number, _ in members], [str(sample.label) for _, sample in members])
        group_of |= {sample.id: f"{prefix}{block}" for (_, sample), block in zip(members, blocks, strict=True)}
    return [replace(sample, group=group_of[sample.id]) for sample in samples]


def _find_leaks(samples: list[Sample], findings: Findings) -> None:
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for sample in samples:
        if "split" in sample.facets:
            splits[sample.group].add(sample.facets["split"])
    for split in sorted({name for names in splits.values() for name in names}):
        findings.add("the folder's own split is kept as the facet 'split', not used for folds", split)
    for group, names in splits.items():
        if len(names) > 1:
            findings.add("group in more than one of the folder's own splits", group)
