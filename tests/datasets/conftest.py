"""Small data sets on disk, made of noise: every image differs, so nothing is a duplicate unless a test makes it one."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

WriteImage = Callable[..., bytes]


def image_bytes(seed: int, size: tuple[int, int] = (60, 40), *, kind: str = "JPEG", orientation: int = 1) -> bytes:
    """A noise image of ``size`` (width, height) with an EXIF orientation."""
    coarse = np.random.default_rng(seed).integers(0, 256, (10, 15), dtype=np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    stream = io.BytesIO()
    Image.fromarray(coarse).resize(size).save(stream, kind, exif=exif)
    return stream.getvalue()


def write_image(path: Path, seed: int, **options: object) -> None:
    """Write a noise image, PNG or JPEG by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = "PNG" if path.suffix == ".png" else "JPEG"
    path.write_bytes(image_bytes(seed, kind=kind, **options))  # type: ignore[arg-type]


def coco(boxes: dict[str, list[tuple[int, int, int, int]]], sizes: dict[str, tuple[int, int]]) -> str:
    """A COCO file with a triangle in each box."""
    images, annotations = [], []
    for number, (name, drawn) in enumerate(boxes.items()):
        width, height = sizes.get(name, (60, 40))
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for x, y, w, h in drawn:
            corners = [x, y, x + w, y, x, y + h]
            annotations.append({"image_id": number, "bbox": [x, y, w, h], "segmentation": [corners]})
    return json.dumps({"images": images, "annotations": annotations})


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    """A FracAtlas of 8 images, 3 of them fractured, without contradictions."""
    root = tmp_path / "atlas"
    rows = []
    for number in range(1, 9):
        fractured = number % 3 == 1
        name = f"IMG000000{number}.jpg"
        write_image(root / "images" / ("Fractured" if fractured else "Non_fractured") / name, number)
        flags = {"hand": 1, "leg": int(number > 5), "hip": 0, "shoulder": 0, "mixed": 0, "hardware": 0, "multiscan": 0}
        views = {"frontal": 1, "lateral": 0, "oblique": 0}
        rows.append({"image_id": name, **flags, "fractured": int(fractured), "fracture_count": 1, **views})
    with (root / "dataset.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    boxes = {f"IMG000000{n}.jpg": [(10, 20, 15, 8)] for n in (1, 4, 7)}
    folder = root / "Annotations" / "COCO JSON"
    folder.mkdir(parents=True)
    (folder / "COCO_fracture_masks.json").write_text(coco(boxes, {}))
    return root
