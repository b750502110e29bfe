"""A folder (or .zip) with one sub-folder per class, in whatever nesting: the form in which people bring their own data.

The class is the outermost folder with a known name ("fracture/…", "train/normal/patient7/…"), or one that ends in
"_positive" or "_negative" (as in MURA); a type of fracture ("spiral", "Oblique fracture") is a class of its own, also
below a folder "fracture". A bare "oblique" below or above a class is taken for the view. Any other folder on the way to
an image names the patient, unless all images share it. Without those, images are grouped by blocks of the number at the
end of their name, since neighbours tend to be of one patient; without a number each stands alone.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from edgefrac.datasets.classes import FRACTURE, NO_FRACTURE, class_named, in_order, may_be_view, require_classes
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.grouping import grouped
from edgefrac.datasets.presplit import report_splits, split_named
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import CLASSES, Dataset, Sample
from edgefrac.datasets.store import IMAGES, Store, open_store
from edgefrac.errors import DatasetError

HINT = "one sub-folder per class, for example DIR/fracture/*.png and DIR/normal/*.png, or a table of labels (DIR/*.csv)"


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
    drafts = [draft for name in images if (draft := _draft(store, name, shared, findings))]
    if not drafts:
        folders = ", ".join(sorted({name.split("/")[0] for name in images if "/" in name})[:5]) or "none"
        raise DatasetError(f"{location}: no folder is named like a class (folders: {folders})", hint=HINT)
    names = [name for name, _ in drafts]
    classes = in_order(names)
    if len(classes) == 1:
        require_classes(location, names, CLASSES if classes[0] in CLASSES else (NO_FRACTURE, *classes), hint=HINT)
    samples = grouped([replace(sample, label=classes.index(name)) for name, sample in drafts])
    report_splits(samples, findings)
    return Dataset(Path(location).resolve().name, tuple(samples), classes, findings=findings.lines())


def _draft(store: Store, name: str, shared: frozenset[str], findings: Findings) -> tuple[str, Sample] | None:
    """The class and the sample, grouped by its patient's folder if there is one, else with an empty group."""
    folders = PurePosixPath(name).parts[:-1]
    known = [(i, title) for i, folder in enumerate(folders) if (title := class_named(folder)) is not None]
    if len(known) > 1:
        known = [(i, title) for i, title in known if not may_be_view(folders[i])]
    if not known:
        findings.add("in no folder named like a class, left out", name)
        return None
    title = known[0][1]
    places = {known[0][0]}
    for i, deeper in known[1:]:
        if title == FRACTURE and deeper not in CLASSES:
            title = deeper
            places.add(i)
    split = next((split for folder in folders if (split := split_named(folder))), None)
    patient = [f for i, f in enumerate(folders) if i not in places and not split_named(f) and f not in shared]
    facets = {"split": split} if split else {}
    return title, Sample(name, 0, store.reader(name), "/".join(patient), facets=facets)
