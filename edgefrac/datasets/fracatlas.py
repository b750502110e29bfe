"""FracAtlas: Abedeen et al., "FracAtlas: A Dataset for Fracture Classification, Localization and Segmentation of
Musculoskeletal Radiographs", Scientific Data 10 (2023), doi 10.1038/s41597-023-02432-4; CC BY 4.0.

Opens the published FracAtlas.zip or the folder unpacked from it. Rules where the files contradict each other, each
reported as a finding: an image is fractured if the table, its folder or a box says so; boxes refer to the upright
raster (EXIF rotation applied), which explains nearly all annotations with "swapped" sizes; boxes that do not lie in
the raster are left out; COCO goes before PASCAL VOC.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from edgefrac.datasets.annotation import Annotation, read_coco, read_voc
from edgefrac.datasets.blocks import id_blocks
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.fitting import checked
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.datasets.store import Store, open_store
from edgefrac.errors import DatasetError

TABLE = "dataset.csv"
COCO = "Annotations/COCO JSON/COCO_fracture_masks.json"
VOC = "Annotations/PASCAL VOC/"
REGIONS = ("hand", "leg", "hip", "shoulder")
VIEWS = ("frontal", "lateral", "oblique")
FLAGS = ("mixed", "hardware", "multiscan")
LICENCE = "CC-BY-4.0"
ATTRIBUTION = (
    "FracAtlas: Abedeen et al., FracAtlas: A Dataset for Fracture Classification, Localization and Segmentation of "
    "Musculoskeletal Radiographs, Scientific Data 10 (2023), doi:10.1038/s41597-023-02432-4"
)

Row = Mapping[str, str]


@source
def open_fracatlas(location: str) -> Dataset | None:
    """Open FracAtlas, or return None if the location holds no ``dataset.csv`` beside an ``images`` folder."""
    path = Path(location)
    if not (path.is_dir() or zipfile.is_zipfile(path)):
        return None
    store = open_store(path).below_folder_of(TABLE)
    if store is None or not any(name.startswith("images/") for name in store.names):
        return None
    rows = _read_table(store)
    findings = Findings()
    files = _image_files(store, findings)
    for name in rows.keys() - files.keys():
        findings.add("listed in dataset.csv without an image file, left out", name)
    if not rows.keys() & files.keys():
        raise DatasetError(f"{location}: none of the images of {TABLE} is there", hint="unpack the whole archive")
    annotations = _read_annotations(store, files, findings)
    drafts = [_draft(store, files[name], rows.get(name), annotations.get(name), findings) for name in sorted(files)]
    return Dataset("FracAtlas", _grouped(drafts), licence=LICENCE, attribution=ATTRIBUTION, findings=findings.lines())


def _read_table(store: Store) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for line, row in store.read_table(TABLE, ("image_id", "fractured")):
        if row["fractured"] not in ("0", "1"):
            raise DatasetError(f"{store.title(TABLE)}, line {line}: fractured is neither 0 nor 1")
        rows[row["image_id"]] = row
    return rows


def _image_files(store: Store, findings: Findings) -> dict[str, str]:
    """Image name -> name in the store; of an image that lies in both folders, the one in Fractured/."""
    files: dict[str, str] = {}
    for file in store.names:  # sorted: Fractured/ comes before Non_fractured/
        if file.startswith("images/") and file.lower().endswith((".jpg", ".jpeg", ".png")):
            name = PurePosixPath(file).name
            if name in files:
                findings.add("in several folders, the first taken", name)
            files.setdefault(name, file)
    return files


def _read_annotations(store: Store, files: Mapping[str, str], findings: Findings) -> dict[str, Annotation]:
    """The annotation of each image that has one, checked against the size in the image's header."""
    coco = read_coco(store.read_text(COCO), store.title(COCO)) if COCO in store.names else {}
    known = frozenset(store.names)
    annotations: dict[str, Annotation] = {}
    for name, file in files.items():
        drawn = [coco[name]] if name in coco else []
        voc = f"{VOC}{PurePosixPath(name).stem}.xml"
        if voc in known:
            drawn.append(read_voc(store.read_text(voc), store.title(voc)))
        if len({len(a.boxes) for a in drawn}) > 1:
            findings.add("COCO and PASCAL VOC disagree on the number of boxes, COCO taken", name)
        if drawn:
            annotations[name] = checked(store, file, drawn, findings)
    return annotations


def _draft(store: Store, file: str, row: Row | None, annotation: Annotation | None, findings: Findings) -> Sample:
    """The sample without its group, which depends on its neighbours."""
    name = PurePosixPath(file).name
    boxes, polygons = (annotation.boxes, annotation.polygons) if annotation else ((), ())
    in_table = row is not None and row["fractured"] == "1"
    signs = {"dataset.csv": in_table, "folder": file.startswith("images/Fractured/"), "boxes": bool(boxes)}
    if row is None:
        findings.add("not listed in dataset.csv, labelled by folder and boxes", name)
        del signs["dataset.csv"]
    if len(set(signs.values())) > 1:
        says = ", ".join(sign for sign, fractured in signs.items() if not fractured)
        findings.add(f"contradiction, taken as fractured although not so by {says}", name)
    return Sample(name, int(any(signs.values())), store.reader(file), "", boxes, polygons, _facets(row or {}))


def _facets(row: Row) -> dict[str, str]:
    def flagged(columns: tuple[str, ...]) -> str:
        return "+".join(column for column in columns if row.get(column) == "1") or "unknown"

    flags = {flag: "yes" if row[flag] == "1" else "no" for flag in FLAGS if flag in row}
    return {"region": flagged(REGIONS), "view": flagged(VIEWS), **flags}


def _grouped(drafts: list[Sample]) -> tuple[Sample, ...]:
    numbered = [(int(digits), draft) for draft in drafts if (digits := re.sub(r"\D", "", draft.id))]
    marks = [f"{draft.facets['region']}/{draft.label}" for _, draft in numbered]
    blocks = id_blocks([number for number, _ in numbered], marks)
    group_of = {draft.id: block for (_, draft), block in zip(numbered, blocks, strict=True)}
    return tuple(replace(draft, group=group_of.get(draft.id, draft.id)) for draft in drafts)
