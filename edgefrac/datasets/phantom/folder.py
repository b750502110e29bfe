"""A folder of phantoms: written as PNG or DICOM with their list, and opened again as a data set."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edgefrac import durable
from edgefrac.datasets.phantom.dicom import Acquired, to_dicom
from edgefrac.datasets.phantom.source import ATTRIBUTION, LICENCE, NOTICE, PhantomReader
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import CLASSES, Box, Dataset, FileReader, Sample
from edgefrac.datasets.store import is_inside
from edgefrac.digest import is_file
from edgefrac.errors import DatasetError
from edgefrac.progress import Track, silent

SCHEMA = "edgefrac.phantoms/1"
LIST = "phantoms.json"


def write_phantoms(dataset: Dataset, out_dir: Path, form: str = "png", track: Track = silent) -> Path:
    """Write generated phantoms into one folder per class, and ``phantoms.json`` with boxes and masks last.

    ``form`` is "png" or "dicom". ``open_dataset`` opens the folder again. Every image and the list carry the notice
    that nothing here is clinical. Masks are COCO's uncompressed run lengths (column by column, first the zeros).
    Returns the path of the list; raises ``OutputError``.
    """
    entries = []
    for sample in track(dataset.samples, "writing phantoms"):
        file = f"{dataset.classes[sample.label].replace(' ', '_')}/{sample.id}.{'dcm' if form == 'dicom' else form}"
        durable.write(out_dir / file, _dicom(sample) if form == "dicom" else _png(sample.read().pixels))
        entries.append(
            {
                "file": file,
                "label": sample.label,
                "group": sample.group,
                "boxes": [asdict(box) for box in sample.boxes],
                "polygons": sample.polygons,
                "mask": run_lengths(sample.reader.mask()) if isinstance(sample.reader, PhantomReader) else None,
                "facets": dict(sample.facets),
            }
        )
    facts = {"schema": SCHEMA, "notice": NOTICE, "name": dataset.name, "classes": dataset.classes}
    durable.write(out_dir / LIST, json.dumps({**facts, "images": entries}, indent=1).encode())
    return out_dir / LIST


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int]]:
    """A mask bool [H, W] as COCO's uncompressed run lengths: {"size": [H, W], "counts": [zeros, ones, zeros, …]}."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(np.concatenate(([False], flat))))
    counts = np.diff(np.concatenate(([0], changes, [flat.size])))
    return {"size": list(mask.shape), "counts": counts.tolist()}


@source
def open_folder(location: str) -> Dataset | None:
    """Open a folder with ``phantoms.json``; None for anything else. Raises ``DatasetError`` where it is damaged."""
    folder = Path(location)
    path = folder / LIST
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema is {document['schema']!r}, not {SCHEMA!r}")
        classes = tuple(str(name) for name in document.get("classes", CLASSES))
        samples = tuple(_listed(folder, entry, classes) for entry in document["images"])
        name = str(document["name"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise DatasetError(f"{path}: not a list of phantoms ({error})") from error
    missing = [sample.id for sample in samples if not is_file(folder / sample.id)]
    if missing or not samples:
        raise DatasetError(
            f"{path}: {len(missing)} of {len(samples)} images are missing", hint="write the phantoms anew"
        )
    return Dataset(name, samples, classes, licence=LICENCE, attribution=ATTRIBUTION)


def _listed(folder: Path, entry: dict[str, Any], classes: tuple[str, ...]) -> Sample:
    if not is_inside(entry["file"]) or entry["label"] not in range(len(classes)):
        raise ValueError(f"entry {entry['file']!r} has a path outside the folder or an unknown label")
    return Sample(
        id=entry["file"],
        label=entry["label"],
        reader=FileReader(folder / entry["file"]),
        group=str(entry["group"]),
        boxes=tuple(Box(**box) for box in entry["boxes"]),
        polygons=tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in entry.get("polygons", ())),
        facets={str(key): str(value) for key, value in entry["facets"].items()},
    )


def _dicom(sample: Sample) -> bytes:
    reader = sample.reader
    if not isinstance(reader, PhantomReader):
        raise DatasetError(f"{sample.id}: only phantoms made here are written as DICOM, not those read from a file")
    facts = {"part": sample.facets["part"], "view": sample.facets["view"], "id": sample.id, "group": sample.group}
    if reader.modality == "xray":
        return to_dicom(Acquired("xray", reader.read().pixels, 1 / reader.scene().view.scale, **facts))
    cut = reader.slice()
    return to_dicom(Acquired(cut.modality, cut.stored, cut.spacing, **facts))


def _png(pixels: NDArray[np.uint8]) -> bytes:
    facts = PngInfo()
    facts.add_text("Comment", NOTICE)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=facts)
    return stream.getvalue()
