"""MURA: Rajpurkar et al., "MURA: Large Dataset for Abnormality Detection in Musculoskeletal Radiographs", MIDL 2018
(arXiv 1712.06957). To be had from Stanford after accepting its research use agreement; not to be passed on.

Opens its folder scheme, MURA-v1.1/{train,valid}/XR_WRIST/patient00001/study1_positive/image1.png, from any folder above
the patients, or a zip of it. **The label is "abnormal", not "fractured"**: it was given to whole studies, and hardware,
degenerative change or a lesion is abnormal too. So the classes are named "normal" and "abnormal", the data set's name
says so, and an abnormal study may hold images on which nothing is to be seen.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from edgefrac.datasets.classes import require_classes
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.presplit import report_splits, split_named
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.datasets.store import IMAGES, Store, open_store

NAME = "MURA (label: abnormal, not fracture)"
CLASSES = ("normal", "abnormal")
LICENCE = "Stanford MURA research use agreement (not to be passed on)"
ATTRIBUTION = (
    "MURA: Rajpurkar et al., MURA: Large Dataset for Abnormality Detection in Musculoskeletal Radiographs, MIDL 2018, "
    "arXiv:1712.06957"
)

_IN_STUDY = re.compile(
    r"^(?P<above>.*/)?(?P<patient>patient\d+)/(?P<study>study\d+)_(?P<label>positive|negative)/[^/]+$"
)
_REGION = re.compile(r"(?:^|/)XR_([A-Z]+)/")
_LISTS = re.compile(r"(?:^|/)(?:train|valid)_(?:image_paths|labeled_studies)\.csv$")


@source
def open_mura(location: str) -> Dataset | None:
    """Open MURA, or return None if no image lies in patient…/study…_positive or …_negative below a region's folder.

    Raises ``DatasetError`` if all studies are of one class.
    """
    path = Path(location)
    if not (path.is_dir() or zipfile.is_zipfile(path)):
        return None
    store = open_store(path)
    samples, strays = [], []
    for name in store.names:
        place = _IN_STUDY.match(name)
        if place and name.lower().endswith(IMAGES):
            samples.append(_sample(store, name, place))
        elif not _LISTS.search(name):
            strays.append(name)
    if not any(sample.facets["region"] != "unknown" for sample in samples):
        return None
    findings = Findings()
    findings.add("labels say abnormal or normal of a whole study, not fracture of an image; taken as they are", NAME)
    for name in strays:
        findings.add("not an image in a study's folder, left out", name)
    require_classes(location, (CLASSES[sample.label] for sample in samples), CLASSES)
    report_splits(samples, findings)
    return Dataset(NAME, tuple(samples), CLASSES, LICENCE, ATTRIBUTION, findings.lines())


def _sample(store: Store, name: str, place: re.Match[str]) -> Sample:
    region = _REGION.search(name)
    facets = {"region": region.group(1).lower() if region else "unknown"}
    split = next((split for folder in name.split("/") if (split := split_named(folder))), None)
    if split:
        facets["split"] = split
    return Sample(name, int(place["label"] == "positive"), store.reader(name), place["patient"], facets=facets)
