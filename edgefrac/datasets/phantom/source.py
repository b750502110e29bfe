"""Phantoms as a data set: made on the fly ("phantom", "phantom:n=200,seed=7"), or a folder written earlier."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edgefrac.datasets.files import write_atomically
from edgefrac.datasets.phantom.generate import VIEWS, draw_scene, fracture_mask, label_of, phantom_image
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import Box, Dataset, FileReader, Sample
from edgefrac.datasets.store import is_inside
from edgefrac.errors import DatasetError, UsageError
from edgefrac.imaging.radiograph import Radiograph

SCHEMA = "edgefrac.phantoms/1"
LIST = "phantoms.json"
NOTICE = "phantom, not clinical"
LICENCE = "Apache-2.0"
ATTRIBUTION = "synthetic radiographs made by EdgeFrac; " + NOTICE
DEFAULT_COUNT = 400
DEFAULT_SEED = 0
DEFAULT_SIDE = 448  # pixels along the longer side, about those of FracAtlas

_PAD = 3  # pixels by which a box is larger than its mask


@dataclass(frozen=True)
class PhantomReader:
    """Makes phantom ``index`` of the series ``seed`` anew on each read."""

    seed: int
    index: int
    longer_side: int

    def read(self) -> Radiograph:
        """The phantom; never fails."""
        pixels, _, _ = phantom_image(self.seed, self.index, longer_side=self.longer_side)
        return Radiograph(pixels, "phantom", notes=(NOTICE,))


@source
def open_phantoms(location: str) -> Dataset | None:
    """Open "phantom[:n=…,seed=…]" or a folder with ``phantoms.json``; None for anything else."""
    if (Path(location) / LIST).is_file():
        return _open_folder(Path(location))
    name, _, settings = location.partition(":")
    if name != "phantom" or Path(location).exists():
        return None
    known = {"n": DEFAULT_COUNT, "seed": DEFAULT_SEED}
    for setting in filter(None, settings.split(",")):
        key, _, value = setting.partition("=")
        if key not in known or not value.isdecimal():
            raise UsageError(f"{location}: cannot read {setting!r}", hint="for example phantom:n=200,seed=7")
        known[key] = int(value)
    return phantom_dataset(known["n"], known["seed"])


def phantom_dataset(n: int = DEFAULT_COUNT, seed: int = DEFAULT_SEED, *, longer_side: int = DEFAULT_SIDE) -> Dataset:
    """``n`` phantoms, two views a patient, patients fractured by turns; made when read. Raises ``UsageError``."""
    if n < 1 or seed < 0:
        raise UsageError(f"{n} phantoms of seed {seed}: need at least one, and a seed from 0 up")
    samples = tuple(_sample(seed, index, longer_side) for index in range(n))
    return Dataset(f"phantom:n={n},seed={seed}", samples, licence=LICENCE, attribution=ATTRIBUTION)


def write_phantoms(dataset: Dataset, out_dir: Path) -> Path:
    """Write generated phantoms as PNGs into one folder per class, and ``phantoms.json`` with the boxes last.

    ``open_dataset`` opens the folder again. Every PNG and the list carry the notice that nothing here is clinical.
    Returns the path of the list; raises ``OutputError``.
    """
    entries = []
    for sample in dataset.samples:
        file = f"{dataset.classes[sample.label].replace(' ', '_')}/{sample.id}.png"
        write_atomically(out_dir / file, _png(sample.read().pixels))
        entries.append(
            {
                "file": file,
                "label": sample.label,
                "group": sample.group,
                "boxes": [asdict(box) for box in sample.boxes],
                "facets": dict(sample.facets),
            }
        )
    document = {"schema": SCHEMA, "notice": NOTICE, "name": dataset.name, "images": entries}
    write_atomically(out_dir / LIST, json.dumps(document, indent=1).encode())
    return out_dir / LIST


def _sample(seed: int, index: int, longer_side: int) -> Sample:
    scene = draw_scene(seed, index, longer_side)
    return Sample(
        id=f"phantom-{seed}-{index:05d}",
        label=label_of(index),
        reader=PhantomReader(seed, index, longer_side),
        group=f"patient-{seed}-{index // VIEWS:05d}",
        boxes=_boxes(fracture_mask(scene)) if label_of(index) else (),
        facets=scene.facets,
    )


def _boxes(mask: NDArray[np.bool_]) -> tuple[Box, ...]:
    """The box around a mask, padded; none around an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return ()
    left, top = max(0, int(columns[0]) - _PAD), max(0, int(rows[0]) - _PAD)
    right, bottom = min(mask.shape[1], int(columns[-1]) + 1 + _PAD), min(mask.shape[0], int(rows[-1]) + 1 + _PAD)
    return (Box(left, top, right - left, bottom - top),)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    facts = PngInfo()
    facts.add_text("Comment", NOTICE)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", pnginfo=facts)
    return stream.getvalue()


def _open_folder(folder: Path) -> Dataset:
    path = folder / LIST
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA:
            raise ValueError(f"schema is {document['schema']!r}, not {SCHEMA!r}")
        samples = tuple(_listed(folder, entry) for entry in document["images"])
        name = str(document["name"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{path}: not a list of phantoms ({error})") from error
    missing = [sample.id for sample in samples if not (folder / sample.id).is_file()]
    if missing or not samples:
        raise DatasetError(
            f"{path}: {len(missing)} of {len(samples)} images are missing", hint="write the phantoms anew"
        )
    return Dataset(name, samples, licence=LICENCE, attribution=ATTRIBUTION)


def _listed(folder: Path, entry: dict[str, Any]) -> Sample:
    if not is_inside(entry["file"]) or entry["label"] not in (0, 1):
        raise ValueError(f"entry {entry['file']!r} has a path outside the folder or an unknown label")
    return Sample(
        id=entry["file"],
        label=entry["label"],
        reader=FileReader(folder / entry["file"]),
        group=str(entry["group"]),
        boxes=tuple(Box(**box) for box in entry["boxes"]),
        facets={str(key): str(value) for key, value in entry["facets"].items()},
    )
