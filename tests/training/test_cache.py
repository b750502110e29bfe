"""Packed images: right pixels, masks at their place, made once, and nothing half made."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.sample import Box, Dataset, FileReader, Sample
from edgefrac.errors import DatasetError, ImageError, OutputError
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.progress import silent
from edgefrac.training.cache import MASK_SCALE, draw_mask, pack
from tests.disk import full_disk

SIZE = 64


@dataclass(frozen=True)
class Scripted:
    """A reader whose image is the number ``value``, unless ``fails`` says otherwise."""

    value: int
    fails: Callable[[], BaseException] | None = None

    def read(self) -> Radiograph:
        if self.fails:
            raise self.fails()
        return Radiograph(np.full((50, 100), self.value, np.uint8), "test")

    def __repr__(self) -> str:
        return f"Scripted({self.value})"


def dataset(*readers: Scripted | FileReader) -> Dataset:
    return Dataset("scripted", tuple(Sample(f"s{n}", 0, reader, f"g{n}") for n, reader in enumerate(readers)))


def forbidden() -> BaseException:
    return AssertionError("read again")


def test_images_are_what_preprocessing_makes(tmp_path: Path) -> None:
    phantoms = phantom_dataset(4, 3, longer_side=96)
    packed = pack(phantoms, SIZE, tmp_path, silent)
    for number, sample in enumerate(phantoms.samples):
        radiograph = sample.read()
        np.testing.assert_array_equal(packed.images[number], preprocess(radiograph.pixels, SIZE))
        assert packed.sha256[number] == radiograph.sha256
    assert packed.kept == (0, 1, 2, 3) and packed.unreadable == ()
    marked = packed.masks.any((1, 2))
    assert marked.tolist() == [bool(s.boxes) for s in phantoms.samples] and set(np.unique(packed.masks)) == {0, 255}


@pytest.mark.parametrize(("height", "width"), [(200, 400), (400, 200), (30, 30)])
def test_the_mask_lies_where_the_box_lies(height: int, width: int) -> None:
    """White pixels in the box, through preprocessing, mark the same place as the mask."""
    box = Box(width * 0.55, height * 0.2, width * 0.3, height * 0.5)
    pixels = np.zeros((height, width), np.uint8)
    pixels[round(box.y) : round(box.y + box.height), round(box.x) : round(box.x + box.width)] = 255
    sample = Sample("s", 1, Scripted(0), "g", boxes=(box,))
    mask = draw_mask(sample, Placement(height, width, SIZE))
    small = SIZE // MASK_SCALE
    cells = preprocess(pixels, SIZE).reshape(small, MASK_SCALE, small, MASK_SCALE).mean((1, 3))
    assert mask.shape == cells.shape and (cells > 200).sum() > 4
    assert (mask[cells > 200] == 255).all()
    assert not mask[cells == 0].any() or _rim_only(mask, cells)


def _rim_only(mask: np.ndarray, cells: np.ndarray) -> bool:
    """Whether the mask leaves the box by no more than the pixel that a polygon's outline covers."""
    box = np.argwhere(cells > 0)
    extra = np.argwhere((mask == 255) & (cells == 0))
    return bool(((extra >= box.min(0) - 1) & (extra <= box.max(0) + 1)).all())


def test_a_polygon_goes_before_its_box() -> None:
    triangle = ((0.0, 0.0), (64.0, 0.0), (0.0, 64.0))
    sample = Sample("s", 1, Scripted(0), "g", boxes=(Box(0, 0, 64, 64),), polygons=(triangle,))
    mask = draw_mask(sample, Placement(64, 64, 64))
    assert mask[1, 1] == 255 and mask[14, 14] == 0
    assert draw_mask(replace(sample, polygons=()), Placement(64, 64, 64))[14, 14] == 255


def test_unreadable_images_are_listed_and_the_rest_stay_in_order(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    packed = pack(dataset(Scripted(10), FileReader(broken), Scripted(30)), SIZE, tmp_path / "cache", silent)
    assert packed.kept == (0, 2) and len(packed.images) == len(packed.masks) == len(packed.sha256) == 2
    assert [int(image[32, 32]) for image in packed.images] == [10, 30]
    assert len(packed.unreadable) == 1 and str(broken) in packed.unreadable[0]


def test_a_pack_is_made_once(tmp_path: Path) -> None:
    first = pack(dataset(Scripted(10), Scripted(20)), SIZE, tmp_path, silent)
    again = pack(dataset(Scripted(10, forbidden), Scripted(20, forbidden)), SIZE, tmp_path, silent)
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.kept, first.sha256) == (again.kept, again.sha256)


@pytest.mark.parametrize("change", ["size", "image", "box", "label"])
def test_another_data_set_or_size_is_another_pack(change: str, tmp_path: Path) -> None:
    made = dataset(Scripted(10))
    pack(made, SIZE, tmp_path, silent)
    sample = made.samples[0]
    changed = {
        "size": sample,
        "image": replace(sample, reader=Scripted(20)),
        "box": replace(sample, boxes=(Box(1, 2, 30, 40),)),
        "label": replace(sample, label=1),
    }[change]
    packed = pack(replace(made, samples=(changed,)), 96 if change == "size" else SIZE, tmp_path, silent)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert packed.images.shape[1] == (96 if change == "size" else SIZE)
    assert packed.masks.any() == (change == "box")


def test_a_changed_file_is_packed_again(tmp_path: Path) -> None:
    file = tmp_path / "film.png"
    for value in (10, 200):
        Image.new("L", (100, 50), value).save(file)
        os.utime(file, ns=(value, value))
        assert pack(dataset(FileReader(file)), SIZE, tmp_path / "cache", silent).images[0, 32, 32] == value


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "cut short":
        del content[-1]
    elif how == "one bit":
        content[-1000] ^= 1
    elif how == "older version":
        content = bytearray(bytes(content).replace(b"edgefrac.pack/2", b"edgefrac.pack/1"))
    elif how == "no header":
        content[:] = b"nothing of the kind"
    elif how == "empty":
        content.clear()
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut short", "one bit", "older version", "no header", "empty"])
def test_a_damaged_or_outdated_pack_is_made_anew(how: str, tmp_path: Path) -> None:
    first = pack(dataset(Scripted(10), Scripted(20)), SIZE, tmp_path, silent)
    expected = np.array(first.images)
    (path,) = tmp_path.iterdir()
    damage(path, how)
    again = pack(dataset(Scripted(10), Scripted(20)), SIZE, tmp_path, silent)
    np.testing.assert_array_equal(again.images, expected)
    with pytest.raises(AssertionError, match="read again"):
        damage(path, how)
        pack(dataset(Scripted(10, forbidden), Scripted(20, forbidden)), SIZE, tmp_path, silent)


def test_any_reader_of_safetensors_reads_a_pack(tmp_path: Path) -> None:
    packed = pack(phantom_dataset(4, 3, longer_side=96), SIZE, tmp_path, silent)
    (path,) = tmp_path.iterdir()
    tensors = load_file(path)
    np.testing.assert_array_equal(tensors["images"], packed.images)
    np.testing.assert_array_equal(tensors["masks"], packed.masks)


def test_several_processes_give_what_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phantoms = phantom_dataset(6, 3, longer_side=96)
    alone = pack(phantoms, SIZE, tmp_path / "alone", silent)
    monkeypatch.setattr("edgefrac.training.cache._ALONE", 2)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together = pack(phantoms, SIZE, tmp_path / "together", silent)
    np.testing.assert_array_equal(alone.images, together.images)
    assert (alone.kept, alone.sha256) == (together.kept, together.sha256)


def test_an_interrupted_pack_leaves_nothing_and_is_made_anew(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pack(dataset(Scripted(10), Scripted(20, KeyboardInterrupt)), SIZE, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []
    assert len(pack(dataset(Scripted(10), Scripted(20)), SIZE, tmp_path, silent).images) == 2


def test_no_readable_image_at_all(tmp_path: Path) -> None:
    def unreadable() -> BaseException:
        return ImageError("s0.png: empty file")

    with pytest.raises(DatasetError, match="none of 2 images could be read") as caught:
        pack(dataset(Scripted(1, unreadable), Scripted(2, unreadable)), SIZE, tmp_path, silent)
    assert caught.value.hint == "s0.png: empty file"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"taken.*: cannot be written"):
        pack(dataset(Scripted(10)), SIZE, tmp_path / "taken", silent)


def test_a_full_disk(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(OutputError, match="cannot be written"):
        pack(dataset(Scripted(10), Scripted(20)), SIZE, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []
