"""COCO files beside images in the layouts that annotation tools write."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from edgefrac.datasets import Box, Dataset, Sample, open_dataset
from edgefrac.errors import DatasetError
from tests.datasets.conftest import write_image

CATEGORIES = [{"id": 1, "name": "Radius fracture"}, {"id": 2, "name": "metal"}, {"id": 7, "name": "No fracture"}]
TRIANGLE = [[10, 20, 25, 20, 10, 28]]
SPLIT_IN_TWO = {"train": ("a.png", "b.png"), "valid": ("a.png", "c.png")}  # names repeat, as Roboflow's may


def record(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": name, "width": 60, "height": 40, **more}


def drawn(image: int, category: int = 1, **more: Any) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": [10, 20, 15, 8], "segmentation": TRIANGLE, **more}


def write(path: Path, images: list[Any], annotations: list[Any], categories: list[Any] = CATEGORIES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    names = ("p1_a.png", "p1_b.png", "p2_a.png", "p3_a.png")
    for seed, name in enumerate(names):
        write_image(root / "images" / name, seed)
    images = [record(n, name, patient_id=name[:2]) for n, name in enumerate(names)]
    annotations = [drawn(0), drawn(1, 2), drawn(2, 7), drawn(3), drawn(3, 2, bbox=[1, 1, 4, 4])]
    write(root / "annotations" / "instances_default.json", images, annotations)
    return root


def by_name(dataset: Dataset) -> dict[str, Sample]:
    return {s.id.split("/")[-1]: s for s in dataset.samples}


def test_labels_by_category_and_boxes_of_fractures_alone(data: Path) -> None:
    dataset = open_dataset(data)
    samples = by_name(dataset)
    assert {name: s.label for name, s in samples.items()} == {
        "p1_a.png": 1,
        "p1_b.png": 0,
        "p2_a.png": 0,
        "p3_a.png": 1,
    }
    assert samples["p3_a.png"].boxes == (Box(10, 20, 15, 8),)
    assert samples["p3_a.png"].polygons == (((10, 20), (25, 20), (10, 28)),)
    assert samples["p1_b.png"].boxes == () and samples["p1_b.png"].polygons == ()
    assert samples["p1_a.png"].facets == {"type": "Radius fracture"}
    assert (dataset.name, dataset.findings) == ("mine", ())
    assert samples["p1_a.png"].read().pixels.shape == (40, 60)


def test_patients_by_field_are_numbered(data: Path) -> None:
    groups = {name: s.group for name, s in by_name(open_dataset(data)).items()}
    assert groups == {
        "p1_a.png": "patient 1",
        "p1_b.png": "patient 1",
        "p2_a.png": "patient 2",
        "p3_a.png": "patient 3",
    }


def test_patients_by_file_name_else_blocks(tmp_path: Path) -> None:
    names = ["Patient_7-ap.png", "patient_7-lat.png", "x001.png", "x002.png"]
    for seed, name in enumerate(names):
        write_image(tmp_path / name, seed)
    write(tmp_path / "a.json", [record(n, name) for n, name in enumerate(names)], [drawn(0)])
    groups = [s.group for s in open_dataset(tmp_path).samples]
    assert groups[0] == groups[1] == "patient 1" and groups[2].startswith("xids ")


def test_splits_with_a_file_each(tmp_path: Path) -> None:
    for split, names in SPLIT_IN_TWO.items():
        for seed, name in enumerate(names):
            write_image(tmp_path / split / name, seed + len(split))
        images = [record(n, name) for n, name in enumerate(names)]
        write(tmp_path / split / "_annotations.coco.json", images, [drawn(0 if split == "train" else 1)])
    dataset = open_dataset(tmp_path)
    assert {s.id: s.label for s in dataset.samples} == {
        "train/a.png": 1,
        "train/b.png": 0,
        "valid/a.png": 0,
        "valid/c.png": 1,
    }
    assert [s.facets["split"] for s in dataset.samples] == ["train", "train", "val", "val"]


def test_zip(data: Path) -> None:
    path = data.parent / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in data.rglob("*.*"):
            archive.write(file, file.relative_to(data.parent).as_posix())
    assert [s.boxes for s in open_dataset(path).samples] == [s.boxes for s in open_dataset(data).samples]


def test_polygon_without_box_and_mask_without_corners(data: Path) -> None:
    images = [record(n, name) for n, name in enumerate(("p1_a.png", "p1_b.png", "p2_a.png"))]
    mask = {"counts": [10, 20], "size": [40, 60]}
    shapes = [drawn(0, bbox=None), {"image_id": 1, "category_id": 1, "segmentation": mask, "iscrowd": 1}]
    write(data / "annotations" / "instances_default.json", images, shapes)
    samples = by_name(open_dataset(data))
    assert samples["p1_a.png"].boxes == (Box(10, 20, 15, 8),)
    assert (samples["p1_b.png"].label, samples["p1_b.png"].boxes) == (1, ())


def test_boxes_in_shares_of_the_image(data: Path) -> None:
    images = [record(0, "p1_a.png"), record(1, "p1_b.png")]
    write(data / "annotations" / "instances_default.json", images, [drawn(0, bbox=[0.2, 0.3, 0.1, 0.2])])
    dataset = open_dataset(data)
    assert (by_name(dataset)["p1_a.png"].label, by_name(dataset)["p1_a.png"].boxes) == (1, ())
    assert any("shares of the image" in f and "p1_a.png" in f for f in dataset.findings)
    assert any("in no COCO file" in f and "p2_a.png" in f for f in dataset.findings)


def test_boxes_outside(data: Path) -> None:
    images = [record(0, "p1_a.png"), record(1, "p1_b.png")]
    write(data / "annotations" / "instances_default.json", images, [drawn(0, bbox=[50, 20, 15, 8]), drawn(0)])
    dataset = open_dataset(data)
    assert by_name(dataset)["p1_a.png"].boxes == (Box(10, 20, 15, 8),)
    assert any("outside the image" in f and "p1_a.png" in f for f in dataset.findings)


def test_two_labels_for_one_file(data: Path) -> None:
    write(data / "annotations" / "second_reader.json", [record(0, "images/p1_b.png")], [drawn(0)])
    dataset = open_dataset(data)
    assert by_name(dataset)["p1_b.png"].label == 1
    assert any("not in another, taken as fractured" in f and "p1_b.png" in f for f in dataset.findings)


def test_two_records_of_one_file(data: Path) -> None:
    images = [record(0, "p1_a.png"), record(1, "p1_a.png"), record(2, "p2_a.png")]
    write(data / "annotations" / "instances_default.json", images, [drawn(0), drawn(1, bbox=[1, 1, 5, 5])])
    assert len(by_name(open_dataset(data))["p1_a.png"].boxes) == 2


def test_files_that_are_missing(data: Path) -> None:
    images = [record(0, "p1_a.png"), record(1, "C:\\export\\p1_b.png"), record(2, "gone.png")]
    write(data / "annotations" / "instances_default.json", images, [drawn(0)])
    dataset = open_dataset(data)
    assert set(by_name(dataset)) == {"p1_a.png", "p1_b.png"}
    assert any("without an image file" in f and "gone.png" in f for f in dataset.findings)


def test_which_of_two_files_is_meant_is_not_guessed(data: Path) -> None:
    write_image(data / "more" / "p1_a.png", 9)
    dataset = open_dataset(data)
    assert set(by_name(dataset)) == {"p1_b.png", "p2_a.png", "p3_a.png"}
    assert any("with several files of its name, left out" in f and "p1_a.png" in f for f in dataset.findings)


def test_none_of_the_images_there(data: Path) -> None:
    write(data / "annotations" / "instances_default.json", [record(0, "gone.png")], [drawn(0)])
    with pytest.raises(DatasetError, match=r"none of the images in annotations/instances_default\.json is there"):
        open_dataset(data)


def test_no_category_of_fractures(data: Path) -> None:
    write(data / "annotations" / "instances_default.json", [], [], [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}])
    with pytest.raises(DatasetError, match=r"no category is named like a fracture \(categories: cat, dog\)"):
        open_dataset(data)


def test_empty_class(data: Path) -> None:
    write(data / "annotations" / "instances_default.json", [record(0, "p1_a.png")], [drawn(0)])
    with pytest.raises(DatasetError, match="no images of class 'no fracture', only of 'fracture'"):
        open_dataset(data)


def test_damaged_file(data: Path) -> None:
    path = data / "annotations" / "instances_default.json"
    text = path.read_text()
    path.write_text(text[:-50])
    with pytest.raises(DatasetError, match=r"instances_default\.json: not readable as JSON, perhaps cut short"):
        open_dataset(data)
    path.write_text(text.replace('"image_id"', '"image"'))
    with pytest.raises(DatasetError, match=r"instances_default\.json: not a COCO annotation file"):
        open_dataset(data)


def test_other_json_does_not_make_it_coco(tmp_path: Path) -> None:
    write_image(tmp_path / "fracture" / "a.png", 1)
    write_image(tmp_path / "normal" / "b.png", 2)
    (tmp_path / "settings.json").write_text('{"images": 3}')
    (tmp_path / "broken.json").write_text('{"images":')
    assert len(open_dataset(tmp_path)) == 2
