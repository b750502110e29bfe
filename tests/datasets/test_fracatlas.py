from __future__ import annotations

import pickle
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgefrac.datasets import Box, Dataset, open_dataset
from edgefrac.errors import DatasetError, ImageError
from tests.datasets.conftest import coco, write_image

COCO = "Annotations/COCO JSON/COCO_fracture_masks.json"
VOC = (
    "<annotation><size><width>{}</width><height>{}</height></size>"
    "<object><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>11</xmax><ymax>22</ymax></bndbox></object></annotation>"
)


def packed(root: Path, top: str = "") -> Path:
    path = root.parent / "FracAtlas.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in root.rglob("*"):
            if file.is_file():
                archive.write(file, top + file.relative_to(root).as_posix())
    return path


def sample(dataset: Dataset, number: int) -> object:
    return next(s for s in dataset.samples if s.id == f"IMG000000{number}.jpg")


def test_folder(atlas: Path) -> None:
    dataset = open_dataset(atlas)
    assert (dataset.name, len(dataset), dataset.positives, dataset.findings) == ("FracAtlas", 8, 3, ())
    assert dataset.licence == "CC-BY-4.0" and "10.1038/s41597-023-02432-4" in dataset.attribution
    first = dataset.samples[0]
    assert first.boxes == (Box(10, 20, 15, 8),)
    assert first.polygons == (((10, 20), (25, 20), (10, 28)),)
    assert first.facets["region"] == "hand" and dataset.samples[7].facets["region"] == "hand+leg"
    assert (first.facets["view"], first.facets["hardware"]) == ("frontal", "no")
    assert first.read().pixels.shape == (40, 60)


@pytest.mark.parametrize("top", ["", "FracAtlas/"])
def test_zip_equals_folder(atlas: Path, top: str) -> None:
    folder, archive = open_dataset(atlas), open_dataset(packed(atlas, top))
    for a, b in zip(folder.samples, archive.samples, strict=True):
        assert (a.id, a.label, a.group, a.boxes, a.facets) == (b.id, b.label, b.group, b.boxes, b.facets)
        assert np.array_equal(a.read().pixels, pickle.loads(pickle.dumps(b)).read().pixels)


def test_parent_folder(atlas: Path) -> None:
    assert len(open_dataset(atlas.parent)) == 8


def test_contradicting_labels_are_fractured_and_named(atlas: Path) -> None:
    (atlas / COCO).write_text(coco({"IMG0000002.jpg": [(1, 1, 5, 5)]}, {}))  # 0 by table and folder, but with a box
    (atlas / "images/Non_fractured/IMG0000003.jpg").rename(atlas / "images/Fractured/IMG0000003.jpg")
    dataset = open_dataset(atlas)
    assert sample(dataset, 2).label == sample(dataset, 3).label == 1
    (by_box,) = [f for f in dataset.findings if "IMG0000002" in f]
    assert "dataset.csv, folder" in by_box
    (by_folder,) = [f for f in dataset.findings if "IMG0000003" in f]
    assert "dataset.csv, boxes" in by_folder


def test_missing_and_unlisted_files_are_named(atlas: Path) -> None:
    (atlas / "images/Fractured/IMG0000001.jpg").rename(atlas / "images/Fractured/IMG0000099.jpg")
    dataset = open_dataset(atlas)
    assert len(dataset) == 8 and dataset.samples[-1].label == 1
    assert any("without an image file" in f and "IMG0000001" in f for f in dataset.findings)
    assert any("not listed" in f and "IMG0000099" in f for f in dataset.findings)


def test_boxes_refer_to_the_upright_raster(atlas: Path) -> None:
    """As in IMG0002628: EXIF turns the image, the annotation was drawn on the turned one."""
    write_image(atlas / "images/Fractured/IMG0000001.jpg", 1, orientation=8)
    (atlas / COCO).write_text(coco({"IMG0000001.jpg": [(5, 45, 10, 12)]}, {"IMG0000001.jpg": (40, 60)}))
    dataset = open_dataset(atlas)
    first = sample(dataset, 1)
    assert first.boxes == (Box(5, 45, 10, 12),)
    assert first.read().pixels.shape == (60, 40)
    assert any("EXIF" in f and "IMG0000001" in f for f in dataset.findings)


def test_swapped_size_without_exif_keeps_what_fits(atlas: Path) -> None:
    boxes = [(5, 5, 10, 10), (5, 45, 10, 12)]  # the second lies below the image's 40 rows
    (atlas / COCO).write_text(coco({"IMG0000001.jpg": boxes}, {"IMG0000001.jpg": (40, 60)}))
    dataset = open_dataset(atlas)
    assert sample(dataset, 1).boxes == (Box(5, 5, 10, 10),)
    assert any("swapped size" in f and "IMG0000001" in f for f in dataset.findings)
    assert any("outside the image" in f and "IMG0000001" in f for f in dataset.findings)


@pytest.mark.parametrize("box", [(50, 5, 12, 5), (5, 36, 5, 6), (-5, 5, 9, 9), (5, 5, 0, 9)])
def test_impossible_boxes_are_left_out(atlas: Path, box: tuple[int, int, int, int]) -> None:
    (atlas / COCO).write_text(coco({"IMG0000001.jpg": [box, (2, 2, 8, 8)]}, {}))
    dataset = open_dataset(atlas)
    assert sample(dataset, 1).boxes == (Box(2, 2, 8, 8),)
    assert any("IMG0000001" in finding for finding in dataset.findings)


def test_voc_fills_in_for_coco(atlas: Path) -> None:
    folder = atlas / "Annotations/PASCAL VOC"
    folder.mkdir()
    (folder / "IMG0000007.xml").write_text(VOC.format(60, 40))
    (folder / "IMG0000004.xml").write_text("<annotation><size><width>60</width><height>40</height></size></annotation>")
    (atlas / COCO).write_text(coco({"IMG0000004.jpg": [(1, 1, 5, 5)]}, {}))
    dataset = open_dataset(atlas)
    assert sample(dataset, 7).boxes == (Box(1, 2, 10, 20),)
    assert sample(dataset, 4).boxes == (Box(1, 1, 5, 5),)
    assert any("disagree" in f and "IMG0000004" in f for f in dataset.findings)


@pytest.mark.parametrize("member", ["../evil.jpg", "/evil.jpg", "images/../../evil.jpg", "C:evil.jpg", "..\\evil.jpg"])
def test_zip_that_points_outside_is_refused(atlas: Path, member: str) -> None:
    path = packed(atlas)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, b"x")
    with pytest.raises(DatasetError, match="outside the archive"):
        open_dataset(path)


def test_zip_member_with_damage_is_an_image_error(atlas: Path) -> None:
    path = packed(atlas)
    dataset = open_dataset(path)
    data = bytearray(path.read_bytes())
    start = data.index(b"\xff\xd8\xff")
    data[start + 100 : start + 140] = bytes(40)
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive:
        hit = next(
            i.filename for i in archive.infolist() if i.header_offset < start < i.header_offset + i.file_size + 99
        )
    (broken,) = [s for s in dataset.samples if hit.endswith(s.id)]
    with pytest.raises(ImageError, match=broken.id):
        broken.read()


def test_bad_files_are_named(atlas: Path) -> None:
    (atlas / COCO).write_text('{"images": []}')
    with pytest.raises(DatasetError, match=r"COCO_fracture_masks\.json"):
        open_dataset(atlas)
    (atlas / COCO).unlink()
    folder = atlas / "Annotations/PASCAL VOC"
    folder.mkdir()
    (folder / "IMG0000007.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><annotation/>')
    with pytest.raises(DatasetError, match=r"IMG0000007\.xml.*entities"):
        open_dataset(atlas)


def test_table_without_label_column(atlas: Path) -> None:
    table = atlas / "dataset.csv"
    table.write_text(table.read_text().replace(",fractured,", ",broken,"))
    with pytest.raises(DatasetError, match=r"dataset\.csv: no column fractured"):
        open_dataset(atlas)


def test_table_without_its_images(atlas: Path) -> None:
    for file in (atlas / "images").rglob("*.jpg"):
        file.rename(file.with_name("X" + file.name))
    with pytest.raises(DatasetError, match="none of the images"):
        open_dataset(atlas)


def test_cut_short_zip(atlas: Path) -> None:
    path = packed(atlas)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DatasetError, match=r"FracAtlas\.zip"):
        open_dataset(path)


def test_real_radiographs(fracatlas: Path) -> None:
    dataset = open_dataset(fracatlas)
    by_id = {s.id: s for s in dataset.samples}
    assert (len(dataset), dataset.positives) == (3150, 525)
    assert any("contradiction" in f and "IMG0003298" in f for f in dataset.findings)
    assert any("EXIF" in f and "IMG0002628" in f for f in dataset.findings)
    assert sum(len(s.boxes) for s in dataset.samples) == 683
    assert all(s.boxes and s.label == 1 for s in dataset.samples if s.boxes)
    turned = by_id["IMG0002628.jpg"]
    height, width = turned.read().pixels.shape
    assert (width, height) == (454, 373) and turned.boxes[0].x + turned.boxes[0].width <= width
    sizes = Counter(s.group for s in dataset.samples)
    assert max(sizes.values()) <= 50 and len(sizes) > 60
