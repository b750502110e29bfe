"""Images with COCO annotations (Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014): a folder or .zip
with one or several .json files of images, annotations and categories, wherever they and the images lie.

An image is fractured if something of a category is drawn on it whose name contains "fracture" and does not deny it
("radius fracture", not "no fracture"); if several records of one image differ in that, it is fractured, and a finding.
Which of these categories, is the facet 'type'. Boxes, and polygons where there are some, are kept of these alone;
coordinates are pixels. Patients are taken from a field of the image's record (patient_id, patient, subject_id,
subject), else from the file's name ("patient012_lateral.png"), and only numbered; else images are grouped by id blocks.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from edgefrac.datasets.annotation import Annotation, in_shares, read_coco
from edgefrac.datasets.classes import mentions_fracture, require_classes
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.fitting import checked
from edgefrac.datasets.grouping import Patients, grouped
from edgefrac.datasets.presplit import report_splits, split_named
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import CLASSES, Dataset, Sample
from edgefrac.datasets.store import IMAGES, Store, open_store
from edgefrac.errors import DatasetError

_KEYS = ("images", "annotations", "categories")
_USUAL_NAME = re.compile(r"coco|instances|annotation", re.IGNORECASE)
_PATIENT = re.compile(r"(?:^|[^a-z])((?:patient|subject)[_-]?\d+)", re.IGNORECASE)

Found = Mapping[str, list[tuple[str, Annotation]]]


@source
def open_coco(location: str) -> Dataset | None:
    """Open images with COCO files, or return None if there is no such file; raises ``DatasetError``."""
    path = Path(location)
    if not (path.is_dir() or zipfile.is_zipfile(path)):
        return None
    store = open_store(path)
    files = [name for name in store.names if name.lower().endswith(".json")]
    texts = {name: text for name in files if (text := _coco_text(store, name)) is not None}
    if not texts:
        return None
    findings = Findings()
    annotations = _by_image(store, texts, findings)
    if not annotations:
        raise DatasetError(f"{location}: none of the images in {', '.join(texts)} is there")
    patients = Patients()
    samples = grouped([_sample(store, name, annotations[name], patients, findings) for name in sorted(annotations)])
    for name in store.names:
        if name.lower().endswith(IMAGES) and name not in annotations:
            findings.add("image in no COCO file, left out", name)
    hint = "the COCO files must list images with and without fracture; others are left out"
    require_classes(location, (CLASSES[sample.label] for sample in samples), CLASSES, hint=hint)
    report_splits(samples, findings)
    return Dataset(path.resolve().name, tuple(samples), findings=findings.lines())


def _coco_text(store: Store, name: str) -> str | None:
    """The file's text if it is a COCO file; raises ``DatasetError`` if it should be one by its name, but is damaged."""
    try:
        text = store.read_text(name)
        document = json.loads(text)
    except (DatasetError, ValueError, RecursionError) as error:
        if _USUAL_NAME.search(PurePosixPath(name).name):
            raise DatasetError(f"{store.title(name)}: not readable as JSON, perhaps cut short ({error})") from error
        return None
    if not (isinstance(document, dict) and all(isinstance(document.get(key), list) for key in _KEYS)):
        return None
    categories = [str(c.get("name")) for c in document["categories"] if isinstance(c, dict)]
    if not any(map(mentions_fracture, categories)):
        listed = ", ".join(categories[:10]) or "none"
        raise DatasetError(f"{store.title(name)}: no category is named like a fracture (categories: {listed})")
    return text


def _by_image(store: Store, texts: Mapping[str, str], findings: Findings) -> Found:
    """For each image that is there, the COCO files that list it, with what they say."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for name in store.names:
        if name.lower().endswith(IMAGES):
            by_name[PurePosixPath(name).name].append(name)
    found: defaultdict[str, list[tuple[str, Annotation]]] = defaultdict(list)
    for coco, text in texts.items():
        for listed, annotation in read_coco(text, store.title(coco), mentions_fracture).items():
            wanted = listed.replace("\\", "/").removeprefix("./")
            candidates = _nearest(wanted, coco, by_name[PurePosixPath(wanted).name])
            if len(candidates) == 1:
                found[candidates[0]].append((coco, annotation))
            else:
                several = "several files of its name" if candidates else "an image file"
                findings.add(f"listed in {coco} {'with' if candidates else 'without'} {several}, left out", listed)
    return found


def _nearest(wanted: str, coco: str, names: list[str]) -> list[str]:
    """Of the files of that name, those whose folders agree with the listed path, then those nearest the COCO file."""
    agreeing = [name for name in names if f"/{name}".endswith(f"/{wanted}")] or names
    folders = {*PurePosixPath(coco).parts[:-1], *re.split(r"[\W_]+", PurePosixPath(coco).stem)}
    shared = [len(folders & set(PurePosixPath(name).parts[:-1])) for name in agreeing]
    return [name for name, count in zip(agreeing, shared, strict=True) if count == max(shared)]


def _sample(
    store: Store, name: str, listed: list[tuple[str, Annotation]], patients: Patients, findings: Findings
) -> Sample:
    drawn = [annotation for _, annotation in listed]
    if len({bool(annotation.kinds) for annotation in drawn}) > 1:
        findings.add("fractured in one COCO file but not in another, taken as fractured", name)
    annotation = next((annotation for annotation in drawn if annotation.kinds), drawn[0])
    if any(in_shares(box) for box in annotation.boxes):
        findings.add("box smaller than a pixel, so in shares of the image as it seems, left out", name)
        kept = tuple(box for box in annotation.boxes if not in_shares(box))
        annotation = replace(annotation, boxes=kept, polygons=annotation.polygons if kept else ())
    if annotation.boxes or annotation.polygons:
        annotation = checked(store, name, [annotation], findings)
    named = _PATIENT.search(PurePosixPath(name).stem)
    group = patients.group(annotation.patient or (named.group(1).lower() if named else ""))
    facets = {"type": "+".join(annotation.kinds)} if annotation.kinds else {}
    words = (word for text in (*PurePosixPath(name).parts[:-1], listed[0][0]) for word in re.split(r"[\W_]+", text))
    if split := next((split for word in words if (split := split_named(word))), None):
        facets["split"] = split
    label = int(bool(annotation.kinds))
    return Sample(name, label, store.reader(name), group, annotation.boxes, annotation.polygons, facets)
