"""GRAZPEDWRI-DX: Nagy et al., "A pediatric wrist trauma X-ray dataset (GRAZPEDWRI-DX) for machine learning", Scientific
Data 9 (2022), doi 10.1038/s41597-022-01328-z; figshare article 14825193; CC BY 4.0.

Opens the folder that the files were downloaded to, packed or unpacked: dataset.csv beside images_part1.zip …
images_part4.zip and folder_structure.zip, or beside the folders unpacked from them, or the images merged in one folder.
What is taken from public descriptions of the layout and from copies of the table, since it is not checked against the
download itself: the table's columns (filestem, patient_id, study_number, timehash, gender, age, laterality,
projection, initial_exam, ao_classification, cast, diagnosis_uncertain, osteopenia, fracture_visible, metal,
pixel_spacing, device_manufacturer), its flags (1 or 1.0, else empty), projection 1 for frontal, 2 for lateral and 3 for
oblique; images are 16-bit PNGs named by filestem; YOLO labels lie in a folder "labels" (folder_structure/yolov5/labels)
with category 3 for "fracture", unless a meta.yaml or data.yaml lists other names.

Rules where the files contradict each other, each a finding: an image is fractured if the table or a box says so; a file
listed twice is fractured if one row says so. An AO code does not make an image fractured: it is given to the study, and
the fracture may not be visible in this view. Uncertain diagnoses are kept and marked by the facet 'diagnosis'. Only
facets with a short list of values are let through, no text.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgefrac.datasets.annotation import Annotation, fit, read_yolo, upright_size
from edgefrac.datasets.classes import require_classes
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import CLASSES, Dataset, Sample
from edgefrac.datasets.store import Store, open_store
from edgefrac.errors import DatasetError
from edgefrac.recipes.reading import parse_yaml

TABLE = "dataset.csv"
CATEGORIES = "boneanomaly bonelesion foreignbody fracture metal periostealreaction pronatorsign softtissue text".split()
LICENCE = "CC-BY-4.0"
ATTRIBUTION = (
    "GRAZPEDWRI-DX: Nagy et al., A pediatric wrist trauma X-ray dataset (GRAZPEDWRI-DX) for machine learning, "
    "Scientific Data 9 (2022), doi:10.1038/s41597-022-01328-z"
)

_AO = re.compile(r"(\d\d)[ru]?-([EMD])/(\d)")
_CHOICES = {
    "view": ("projection", {"1": "frontal", "2": "lateral", "3": "oblique"}),
    "side": ("laterality", {"L": "left", "R": "right"}),
    "sex": ("gender", {"F": "female", "M": "male"}),
    "scanner": ("device_manufacturer", {"Siemens": "Siemens", "Agfa": "Agfa"}),
}
_FLAGS = {
    "hardware": ("metal", "yes", "no"),
    "cast": ("cast", "yes", "no"),
    "osteopenia": ("osteopenia", "yes", "no"),
    "exam": ("initial_exam", "initial", "follow-up"),
    "diagnosis": ("diagnosis_uncertain", "uncertain", "certain"),
}

Row = Mapping[str, str]


@dataclass(frozen=True)
class _File:
    store: Store
    name: str


@source
def open_grazpedwri(location: str) -> Dataset | None:
    """Open GRAZPEDWRI-DX, or return None if the location holds no ``dataset.csv`` with a column filestem.

    Raises ``DatasetError``.
    """
    path = Path(location)
    if not (path.is_dir() or zipfile.is_zipfile(path)):
        return None
    store = open_store(path).below_folder_of(TABLE)
    if store is None or "filestem" not in store.read_text(TABLE).partition("\n")[0]:
        return None
    findings = Findings()
    rows = _read_table(store, findings)
    files = [_File(inner, name) for inner in _stores(store) for name in inner.names]
    images = _by_stem(files, rows, ".png", findings)
    for stem in rows.keys() - images.keys():
        findings.add("listed in dataset.csv without an image file, left out", stem)
    if not images:
        hint = "unpack the outer archive" if store.archive else "download images_part1.zip … images_part4.zip too"
        raise DatasetError(f"{location}: none of the images of {TABLE} is there", hint=hint)
    labels = _by_stem([f for f in files if "labels" in PurePosixPath(f.name).parts[:-1]], rows, ".txt", findings)
    if not labels:
        findings.add("no YOLO labels, so no boxes", "folder_structure/yolov5/labels")
    category = _category(files)
    samples = []
    for stem in sorted(images):
        boxes = _boxes(images[stem], labels[stem], category, findings) if stem in labels else None
        samples.append(_sample(images[stem], stem, rows[stem], boxes, findings))
    require_classes(location, (CLASSES[sample.label] for sample in samples), CLASSES)
    return Dataset("GRAZPEDWRI-DX", tuple(samples), CLASSES, LICENCE, ATTRIBUTION, findings.lines())


def _read_table(store: Store, findings: Findings) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for line, row in store.read_table(TABLE, ("filestem", "patient_id", "fracture_visible")):
        if None in row.values() or row["fracture_visible"] not in ("", "0", "0.0", "1", "1.0"):
            what = "columns are missing" if None in row.values() else "fracture_visible is neither empty nor 0 nor 1"
            raise DatasetError(f"{store.title(TABLE)}, line {line}: {what}")
        before = rows.get(row["filestem"])
        if before and _is_set(before, "fracture_visible") != _is_set(row, "fracture_visible"):
            findings.add("listed twice with different labels, taken as fractured", row["filestem"])
        if before is None or _is_set(row, "fracture_visible"):
            rows[row["filestem"]] = row
    return rows


def _stores(store: Store) -> Iterator[Store]:
    """The folder itself and the archives that lie in it, as they were downloaded."""
    yield store
    if store.archive is None:
        for name in store.names:
            if name.lower().endswith(".zip") and "/" not in name:
                yield open_store(store.location / store.top / name)


def _by_stem(files: list[_File], rows: Mapping[str, Row], suffix: str, findings: Findings) -> dict[str, _File]:
    """The files of the table's images, by the name without suffix."""
    found: dict[str, _File] = {}
    for file in files:
        name = PurePosixPath(file.name)
        if name.suffix.lower() != suffix:
            continue
        if name.stem in found:
            findings.add("in several folders, the first taken", name.name)
        elif name.stem in rows:
            found[name.stem] = file
        elif suffix == ".png":
            findings.add("not listed in dataset.csv, left out", name.name)
    return found


def _category(files: list[_File]) -> int:
    """The number of the category "fracture": as a YOLO description lists it, else the published one."""
    for file in files:
        if PurePosixPath(file.name).name in ("meta.yaml", "data.yaml"):
            try:
                names = parse_yaml(file.store.read_text(file.name))["names"]
                listed = dict(names) if isinstance(names, dict) else dict(enumerate(names))
                return next(int(number) for number, name in listed.items() if name == "fracture")
            except (TypeError, KeyError, ValueError, OverflowError, StopIteration) as error:
                raise DatasetError(f"{file.store.title(file.name)}: lists no category 'fracture'") from error
    return CATEGORIES.index("fracture")


def _boxes(image: _File, labels: _File, category: int, findings: Findings) -> Annotation:
    text, title = labels.store.read_text(labels.name), labels.store.title(labels.name)
    annotation, foreign = read_yolo(text, title, category, (1, 1))
    if foreign:
        findings.add("YOLO box in pixels or other units, not in shares of the image, left out", labels.name)
    if not annotation.boxes:  # so there is no need to open the image
        return annotation
    try:
        with image.store.open(image.name) as stream:
            size, _ = upright_size(stream)
    except OSError:
        findings.add("image header unreadable, its boxes left out", PurePosixPath(image.name).name)
        return Annotation((1, 1))
    annotation, _ = read_yolo(text, title, category, size)
    fitted = fit(annotation, size)
    if len(fitted.boxes) < len(annotation.boxes):
        findings.add("box outside the image or empty, left out", PurePosixPath(image.name).name)
    return fitted


def _sample(image: _File, stem: str, row: Row, annotation: Annotation | None, findings: Findings) -> Sample:
    boxes = annotation.boxes if annotation else ()
    visible = _is_set(row, "fracture_visible")
    if annotation is not None and visible != bool(boxes):
        says = "boxes" if visible else TABLE
        findings.add(f"contradiction, taken as fractured although not so by {says}", stem)
    group = f"patient {row['patient_id']}" if row["patient_id"].strip().isdigit() else stem.partition("_")[0]
    label = int(visible or bool(boxes))
    return Sample(f"{stem}.png", label, image.store.reader(image.name), group, boxes, facets=_facets(row))


def _facets(row: Row) -> dict[str, str]:
    facets = {"region": "wrist", "ao": _ao_families(row.get("ao_classification", "")), "age": _age(row.get("age", ""))}
    for facet, (column, values) in _CHOICES.items():
        facets[facet] = values.get(row.get(column, ""), "unknown")
    for facet, (column, yes, no) in _FLAGS.items():
        facets[facet] = (yes if _is_set(row, column) else no) if column in row else "unknown"
    return facets


def _ao_families(codes: str) -> str:
    """AO codes of paediatric fractures -> segment and pattern: "23r-M/3.1; 23u-E/7" -> "23-E/7+23-M/3"."""
    families = sorted({f"{bone}-{segment}/{pattern}" for bone, segment, pattern in _AO.findall(codes)})
    return "+".join(families) or ("other" if codes.strip() else "none")


def _age(text: str) -> str:
    """Years -> a span of five of them."""
    try:
        years = int(float(text))
    except (ValueError, OverflowError):
        return "unknown"
    return f"{years // 5 * 5}-{years // 5 * 5 + 4}" if 0 <= years < 120 else "unknown"


def _is_set(row: Row, column: str) -> bool:
    return row.get(column, "") in ("1", "1.0")
