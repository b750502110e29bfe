"""Files as MedMNIST publishes them, filled with noise."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.medmnist import montage
from edgefrac.errors import DatasetError, ImageError


def write(path: Path, shape: tuple[int, ...] = (28, 28), classes: int = 3, **arrays: Any) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 3), ("test", 6)):
        arrays.setdefault(f"{split}_images", rng.integers(0, 256, (count, *shape), dtype=np.uint8))
        arrays.setdefault(f"{split}_labels", (np.arange(count) % classes).astype(np.uint8)[:, None])
    np.savez_compressed(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def test_grey_images(tmp_path: Path) -> None:
    path = write(tmp_path / "bonemnist.npz")
    dataset = open_dataset(path)
    assert (dataset.name, len(dataset), dataset.classes) == ("bonemnist", 21, ("class 0", "class 1", "class 2"))
    sample = dataset.samples[13]
    assert (sample.id, sample.label, sample.facets, sample.group) == ("val/000001", 1, {"split": "val"}, "val/000001")
    with np.load(path) as arrays:
        assert np.array_equal(sample.read().pixels, arrays["val_images"][1])
    assert np.array_equal(pickle.loads(pickle.dumps(sample)).read().pixels, sample.read().pixels)
    assert any("own split" in finding for finding in dataset.findings)


def test_colour_images(tmp_path: Path) -> None:
    images = np.zeros((12, 28, 28, 3), np.uint8)
    images[:, :, :, 0] = 255
    sample = open_dataset(write(tmp_path / "a.npz", (28, 28, 3), train_images=images)).samples[0]
    assert (sample.read().pixels == (77 * 255 + 128) // 256).all()


def test_volumes_as_montage_and_as_slices(tmp_path: Path) -> None:
    path = write(tmp_path / "fracturemnist3d.npz", (28, 28, 28))
    dataset = open_dataset(path)
    assert dataset.classes == ("buckle rib fracture", "nondisplaced rib fracture", "displaced rib fracture")
    assert dataset.licence == "CC-BY-4.0" and "RibFrac" in dataset.attribution
    pixels = dataset.samples[0].read().pixels
    slices = open_dataset(f"{path}?volume=slices").samples
    assert pixels.shape == (5 * 28, 6 * 28) and len(slices) == 28 * len(dataset)
    assert np.array_equal(pixels[28:56, 56:84], slices[8].read().pixels)  # second row, third column
    assert not pixels[4 * 28 :, 4 * 28 :].any()
    assert {s.group for s in slices[:28]} == {"train/000000"} and slices[28].group == "train/000001"
    with pytest.raises(DatasetError, match="none of its classes is without fracture"):
        fracture_task(dataset)


def test_montage_of_one_slice() -> None:
    assert np.array_equal(montage(np.ones((1, 2, 3))), np.ones((2, 3)))


def test_named_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", classes=2)
    dataset = fracture_task(open_dataset(f"{path}?classes=normal,fracture"))
    assert (dataset.classes, dataset.positives) == (("normal", "fracture"), 10)
    with pytest.raises(DatasetError, match="no images of class 'torus'"):
        open_dataset(f"{path}?classes=normal,fracture,torus")
    with pytest.raises(DatasetError, match="1 different class names are needed"):
        open_dataset(f"{path}?classes=normal")
    with pytest.raises(DatasetError, match="neither montage nor slices"):
        open_dataset(f"{path}?volume=cube")


def test_16_bit(tmp_path: Path) -> None:
    images = np.full((12, 20, 20), 4095, np.uint16)
    dataset = open_dataset(write(tmp_path / "a.npz", (20, 20), train_images=images))
    assert (dataset.samples[0].read().pixels == 255).all()


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (pytest.fail, ("a pickle was loaded",))


@pytest.mark.parametrize("array", ["train_images", "train_labels"])
def test_pickled_objects_are_refused(tmp_path: Path, array: str) -> None:
    objects = np.array([Bomb()] * 12, dtype=object)
    with pytest.raises(DatasetError, match=f"{array} holds pickled Python objects"):
        open_dataset(write(tmp_path / "a.npz", **{array: objects}))


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"train_labels": np.zeros((12, 14), np.uint8)}, r"uint8\[12, 14\], not one class number"),
        ({"train_labels": np.zeros(12)}, "not one class number"),
        ({"train_labels": np.full(12, -1)}, "negative"),
        ({"train_labels": np.zeros(11, np.uint8)}, "12 images but 11 labels in train"),
        ({"train_images": np.zeros((12, 28, 28))}, "not grey, colour or volumes"),
        ({"train_images": None}, "train_images cannot be read"),
        ({f"{split}_labels": None for split in ("train", "val", "test")}, "holds no train_labels"),
    ],
)
def test_arrays_that_are_not_as_in_medmnist(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        open_dataset(write(tmp_path / "a.npz", **arrays))


def test_truncated_and_missing_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DatasetError, match=r"a\.npz: not a \.npz file, or cut short"):
        open_dataset(path)
    with pytest.raises(DatasetError, match=r"b\.npz: no such file"):
        open_dataset(tmp_path / "b.npz")


def test_damage_within_is_an_image_error(tmp_path: Path) -> None:
    path = write(tmp_path / "damaged.npz")
    dataset = open_dataset(path)
    data = bytearray(path.read_bytes())
    data[2000:2040] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(ImageError, match=r"damaged\.npz:train_images\[0\]: cannot be read"):
        dataset.samples[0].read()


def test_icons_are_no_radiographs(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="too few"):
        open_dataset(write(tmp_path / "tiny.npz", (8, 8))).samples[0].read()


def test_arrays_too_large_for_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefrac.datasets.medmnist._LARGEST", 9000)
    with pytest.raises(DatasetError, match="unpacks to more than"):
        open_dataset(write(tmp_path / "a.npz"))
