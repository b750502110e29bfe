from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgefrac.datasets import Dataset, Duplicates, Sample, find_duplicates, load_duplicates, open_dataset
from edgefrac.datasets.copies.registration import in_disc, overlap_correlation
from edgefrac.errors import DatasetError, ImageError
from edgefrac.imaging.radiograph import Radiograph
from tests.datasets.planted import CHANGES


@dataclass(frozen=True)
class Given:
    pixels: np.ndarray

    def read(self) -> Radiograph:
        return Radiograph(self.pixels, "test")


class Broken:
    def read(self) -> Radiograph:
        raise ImageError("x: broken")


def blotches(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 11), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((110, 140), Image.Resampling.BICUBIC))


def dataset(*images: np.ndarray, labels: str = "") -> Dataset:
    labels = labels or "0" * len(images)
    return Dataset("test", tuple(Sample(str(i), int(labels[i]), Given(p), str(i)) for i, p in enumerate(images)))


def changed(how: str, pixels: np.ndarray) -> np.ndarray:
    image = Image.fromarray(pixels)
    if how == "cut short":
        return np.concatenate([pixels[:90], np.full_like(pixels[90:], 128)])
    if how == "half size":
        return np.asarray(image.resize((image.width // 2, image.height // 2)))
    if how == "gamma":
        return np.rint(255 * (pixels / 255) ** 1.4).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if how == "mirrored" else pixels, 3 if how == "turned" else 0))


@pytest.mark.parametrize("how", ["same", "cut short", "half size", "gamma", "turned", "mirrored"])
def test_copies_are_found_and_others_not(how: str) -> None:
    first = blotches(0)
    found = find_duplicates(dataset(first, blotches(1), changed(how, first), blotches(2)))
    assert found.pairs == (("0", "2"),)
    kind = "pixel-identical" if how == "same" else "near-duplicate"
    assert found.findings == (f"{kind} pairs kept in one fold (1): 0 = 2",)


@pytest.mark.parametrize("how", CHANGES)
def test_planted_copies_are_found_among_phantoms(how: str) -> None:
    pixels = [s.read().pixels for s in open_dataset("phantom:n=12,seed=4").samples[::2]]
    copy = np.ascontiguousarray(CHANGES[how](pixels[2], np.random.default_rng(1)))
    assert find_duplicates(dataset(*pixels, copy)).pairs == (("2", "6"),)


def test_empty_images_match_nothing() -> None:
    """The faint pattern that two black plates share (noise of the detector or of JPEG) does not make them copies."""
    faint = (blotches(0) > 128).astype(np.uint8)
    assert find_duplicates(dataset(np.zeros_like(faint), faint, faint + 1, blotches(1))).pairs == ()


def test_contradicting_copies_are_left_out() -> None:
    found = find_duplicates(dataset(blotches(0), blotches(1), blotches(0), labels="011"))
    assert found.excluded == ("0", "2")
    assert any("contradicting" in line and "0 = 2" in line for line in found.findings)


def test_unreadable_images_are_left_out() -> None:
    samples = (Sample("good", 0, Given(blotches(0)), "a"), Sample("bad", 1, Broken(), "b"))
    found = find_duplicates(Dataset("test", samples))
    assert found.excluded == ("bad",) and set(found.sha256) == {"good"}
    assert found.findings == ("unreadable, left out (1): bad",)


def test_stored_and_read_again(tmp_path: Path) -> None:
    found = find_duplicates(dataset(blotches(0), blotches(0)))
    found.save(tmp_path / "duplicates.json")
    assert load_duplicates(tmp_path / "duplicates.json") == found
    (tmp_path / "other.json").write_text('{"schema": "something/2"}')
    with pytest.raises(DatasetError, match=r"other\.json"):
        load_duplicates(tmp_path / "other.json")


@pytest.fixture(scope="module")
def real_copies(fracatlas: Path) -> Duplicates:
    """The part of FracAtlas whose images 2830 to 2899 come again as 4180 to 4249, some of them cut short."""
    whole = open_dataset(fracatlas)
    some = tuple(s for s in whole.samples if 2830 <= int(s.id[3:10]) < 2900 or 4180 <= int(s.id[3:10]) < 4250)
    return find_duplicates(Dataset(whole.name, some))


def test_real_copies(real_copies: Duplicates) -> None:
    assert {("IMG0002846.jpg", "IMG0004209.jpg"), ("IMG0002834.jpg", "IMG0004187.jpg")} <= set(real_copies.pairs)
    assert {"IMG0002886.jpg", "IMG0004243.jpg"} <= set(real_copies.excluded)
    assert all(int(a[3:10]) < 3000 < int(b[3:10]) for a, b in real_copies.pairs), "different patients taken for copies"


def test_rotated_real_copies(fracatlas: Path) -> None:
    """Plates whose edges and black corners, once rotated, weigh more than the faint limb on them."""
    names = {"IMG0000627.jpg", "IMG0000644.jpg", "IMG0000720.jpg", "IMG0001349.jpg", "IMG0001775.jpg", "IMG0003675.jpg"}
    plates = [s.read().pixels for s in open_dataset(fracatlas).samples if s.id in names]
    turned = [np.asarray(Image.fromarray(p).rotate(9, Image.Resampling.BICUBIC, expand=True)) for p in plates]
    assert find_duplicates(dataset(*plates, *turned)).pairs == tuple((str(i), str(i + 6)) for i in range(6))


def test_only_the_disc_is_compared() -> None:
    rng = np.random.default_rng(0)
    fixed = rng.normal(size=(1, 32, 32)).astype(np.float32)
    moving = np.where(in_disc(32, 0.8).reshape(32, 32), fixed, rng.normal(size=fixed.shape)).astype(np.float32)
    unmoved = np.eye(2, 3, dtype=np.float32)[None]
    likeness, cover = overlap_correlation(fixed, moving, unmoved, 0.8)
    assert likeness == pytest.approx(1, abs=1e-5) and cover == 1
    assert overlap_correlation(fixed, moving, unmoved)[0] < 0.9
