from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edgefrac.datasets import open_dataset
from edgefrac.datasets.phantom import phantom_dataset, phantom_image, write_phantoms
from edgefrac.datasets.phantom import scene as scenes
from edgefrac.datasets.phantom.fracture import DIFFICULTIES, KINDS
from edgefrac.datasets.phantom.generate import project
from edgefrac.errors import DatasetError, OutputError, UsageError


def test_made_on_the_fly() -> None:
    dataset = open_dataset("phantom:n=24,seed=7")
    assert (len(dataset), dataset.positives) == (24, 12)
    assert "not clinical" in dataset.attribution
    one = pickle.loads(pickle.dumps(dataset.samples[2]))
    radiograph = one.read()
    assert radiograph.pixels.dtype == np.uint8 and max(radiograph.pixels.shape) == 448
    assert radiograph.notes == ("phantom, not clinical",)
    assert radiograph.sha256 == dataset.samples[2].read().sha256


def test_default_count() -> None:
    assert len(phantom_dataset()) == 400


@pytest.mark.parametrize(
    "location",
    [
        "phantom:n=0",
        "phantom:m=3",
        "phantom:n=x",
        "phantom:seed=-1",
        "phantom:n",
        "phantom:difficulty=9",
        "phantom:task=x",
    ],
)
def test_bad_settings(location: str) -> None:
    with pytest.raises(UsageError):
        open_dataset(location)


def test_other_names_are_not_phantoms() -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        open_dataset("phantoms")


def test_patients_share_label_and_bones() -> None:
    samples = phantom_dataset(20, 3).samples
    for first, second in zip(samples[::2], samples[1::2], strict=True):
        assert (first.group, first.label) == (second.group, second.label)
        for fact in ("region", "part", "difficulty", "type", "hardware"):
            assert first.facets[fact] == second.facets[fact]
        assert first.facets["view"] != second.facets["view"]
    assert len({s.group for s in samples}) == 10
    for healthy, broken in zip(samples[::4], samples[2::4], strict=True):
        assert (healthy.label, broken.label) == (0, 1) and healthy.facets["part"] == broken.facets["part"]


def test_index_alone_decides() -> None:
    """Neither the length of the series nor what was drawn before changes a phantom; another seed does."""
    alone, mask, _ = phantom_image(5, 11, longer_side=200)
    phantom_image(5, 3, longer_side=200)
    again, same_mask, _ = phantom_image(5, 11, longer_side=200)
    assert np.array_equal(alone, again) and np.array_equal(mask, same_mask)
    other, _, _ = phantom_image(6, 11, longer_side=200)
    assert other.shape != alone.shape or not np.array_equal(other, alone)


def test_mask_and_boxes_hold_the_fracture(monkeypatch: pytest.MonkeyPatch) -> None:
    """What differs between a phantom and its unbroken twin lies at the mask, bends of the bone apart."""
    for index in range(2, 42, 4):
        broken, mask, facets = phantom_image(0, index, longer_side=320)
        assert mask.shape == broken.shape and mask.any() and facets["type"] != "none"
        monkeypatch.setattr(scenes, "label_of", lambda _: 0)
        whole, no_mask, _ = phantom_image(0, index, longer_side=320)
        monkeypatch.undo()
        assert not no_mask.any()
        change = np.abs(broken.astype(int) - whole)
        assert change[mask].mean() > 3 * change[~mask].mean()
    for sample in phantom_dataset(40, 0).samples:
        assert len(sample.boxes) == sample.label


def test_box_encloses_the_mask() -> None:
    sample = phantom_dataset(4, 1).samples[2]
    _, mask, _ = phantom_image(1, 2)
    (box,) = sample.boxes
    rows, columns = np.nonzero(mask)
    assert box.x <= columns.min() and columns.max() < box.x + box.width
    assert box.y <= rows.min() and rows.max() < box.y + box.height
    assert box.width * box.height < 0.15 * mask.size


def test_easy_fractures_show_more_than_hard_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a fracture changes in the beam falls with difficulty, patient by patient in the same limb."""
    shown = dict.fromkeys(DIFFICULTIES, 0.0)
    for index in range(2, 82, 4):
        monkeypatch.setattr(scenes, "label_of", lambda _: 0)
        whole = project(scenes.draw_scene(2, index, 320))
        monkeypatch.undo()
        for grade in DIFFICULTIES:
            scene = scenes.draw_scene(2, index, 320, grade)
            assert scene.facets["difficulty"] == grade
            shown[grade] += float(np.abs(project(scene) - whole).sum())
    assert shown["easy"] > 1.2 * shown["medium"] > 1.2 * 1.2 * shown["hard"]


def test_global_statistics_do_not_tell_the_label() -> None:
    facts = []
    for index in range(400):
        pixels, _, _ = phantom_image(9, index, longer_side=64)
        facts.append((pixels.mean(), pixels.std(), np.percentile(pixels, 99), float((pixels == 0).mean())))
    values = np.array(facts)
    fractured = np.array([scenes.label_of(i) for i in range(400)], dtype=bool)
    for column in values.T:
        auroc = (np.sign(column[fractured][:, None] - column[~fractured][None, :]).mean() + 1) / 2
        assert 0.4 < auroc < 0.6


def test_one_difficulty_alone_and_types_as_classes() -> None:
    mixed, hard = phantom_dataset(8, 7).samples, open_dataset("phantom:n=8,seed=7,difficulty=hard").samples
    assert {sample.facets["difficulty"] for sample in hard} == {"hard"}
    assert [s.facets["part"] for s in hard] == [s.facets["part"] for s in mixed]
    assert not {sample.id for sample in hard} & {sample.id for sample in mixed}
    types = open_dataset("phantom:n=200,seed=7,task=type")
    assert types.classes == ("no fracture", *KINDS)
    for sample in types.samples:
        assert types.classes[sample.label] == (sample.facets["type"] if sample.boxes else "no fracture")
    assert {sample.label for sample in types.samples} == set(range(9))


def test_hardware_and_casts_are_as_frequent_without_a_fracture() -> None:
    samples = phantom_dataset(1200, 5).samples
    for fact in ("hardware", "cast"):
        shares = [
            np.mean([s.facets[fact] == "yes" for s in samples if s.label == label], dtype=float) for label in (0, 1)
        ]
        assert min(shares) > 0.05 and abs(shares[0] - shares[1]) < 0.05, (fact, shares)


def test_polygons_hold_the_mask_and_lie_within_the_image() -> None:
    for index in (2, 6, 10, 14):
        (polygon,) = phantom_dataset(index + 1, 3, longer_side=200).samples[index].polygons
        _, mask, _ = phantom_image(3, index, longer_side=200)
        drawn = Image.new("1", mask.shape[::-1])
        ImageDraw.Draw(drawn).polygon(polygon, fill=1)
        assert np.asarray(drawn)[mask].all() and np.asarray(drawn).sum() < 0.15 * mask.size


def test_masks_are_written_as_run_lengths(tmp_path: Path) -> None:
    dataset = phantom_dataset(4, 6, longer_side=100)
    document = json.loads(write_phantoms(dataset, tmp_path).read_text())
    for index, entry in enumerate(document["images"]):
        values = np.repeat(np.arange(len(entry["mask"]["counts"])) % 2, entry["mask"]["counts"])
        mask = values.reshape(entry["mask"]["size"], order="F").astype(bool)
        assert np.array_equal(mask, phantom_image(6, index, longer_side=100)[1])


def test_both_orientations_and_clinical_proportions() -> None:
    shapes = {phantom_image(0, index, longer_side=100)[0].shape for index in range(20)}
    assert shapes == {(100, 82), (82, 100)}


def test_same_bytes_on_every_machine() -> None:
    """A change of these hashes changes the embedded data set: figures measured on it have to be measured anew."""
    images, masks = hashlib.sha256(), hashlib.sha256()
    for index in range(12):
        pixels, mask, _ = phantom_image(0, index, longer_side=160)
        images.update(pixels.tobytes())
        masks.update(np.packbits(mask).tobytes())
    assert images.hexdigest()[:16] == "671055bce7c19dca"
    assert masks.hexdigest()[:16] == "0e830ab63adf4b22"


def test_written_folder_opens_again(tmp_path: Path) -> None:
    dataset = phantom_dataset(8, 4, longer_side=120)
    path = write_phantoms(dataset, tmp_path / "out")
    assert path.name == "phantoms.json" and json.loads(path.read_text())["notice"] == "phantom, not clinical"
    again = open_dataset(tmp_path / "out")
    assert len(list((tmp_path / "out" / "fracture").glob("*.png"))) == 4
    for made, read in zip(dataset.samples, again.samples, strict=True):
        assert (made.label, made.group, made.boxes, made.facets) == (read.label, read.group, read.boxes, read.facets)
        assert made.read().sha256 == read.read().sha256
    with Image.open(tmp_path / "out" / again.samples[0].id) as image:
        assert image.info["Comment"] == "phantom, not clinical"
    assert not list((tmp_path / "out").rglob("*.part"))


def test_written_folder_with_faults(tmp_path: Path) -> None:
    path = write_phantoms(phantom_dataset(4, 4, longer_side=60), tmp_path)
    document = json.loads(path.read_text())
    (tmp_path / document["images"][0]["file"]).unlink()
    with pytest.raises(DatasetError, match="1 of 4 images are missing"):
        open_dataset(tmp_path)
    document["images"][0]["file"] = "../outside.png"
    path.write_text(json.dumps(document))
    with pytest.raises(DatasetError, match="outside the folder"):
        open_dataset(tmp_path)
    path.write_text("{")
    with pytest.raises(DatasetError, match=r"phantoms\.json"):
        open_dataset(tmp_path)


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_phantoms(phantom_dataset(1), tmp_path / "file")
