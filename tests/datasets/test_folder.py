from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac.datasets import open_dataset
from edgefrac.errors import DatasetError
from tests.datasets.conftest import write_image


def fill(root: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        write_image(root / name, seed)
    return root


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ("fracture", "normal"),
        ("Fractured", "Non-Fractured"),
        ("1", "0"),
        ("positive", "negative"),
        ("abnormal", "no fracture"),
    ],
)
def test_classes_by_name(tmp_path: Path, positive: str, negative: str) -> None:
    dataset = open_dataset(fill(tmp_path, f"{positive}/a.png", f"{positive}/b.jpg", f"{negative}/c.png"))
    assert {s.id: s.label for s in dataset.samples} == {
        f"{positive}/a.png": 1,
        f"{positive}/b.jpg": 1,
        f"{negative}/c.png": 0,
    }
    assert dataset.samples[0].read().pixels.shape == (40, 60)


def test_patient_folders_are_groups(tmp_path: Path) -> None:
    dataset = open_dataset(
        fill(tmp_path, "fracture/p1/a.png", "fracture/p1/b.png", "normal/p2/a.png", "normal/p1/c.png")
    )
    assert {s.id: s.group for s in dataset.samples} == {
        "fracture/p1/a.png": "p1",
        "fracture/p1/b.png": "p1",
        "normal/p1/c.png": "p1",
        "normal/p2/a.png": "p2",
    }


def test_studies_named_as_in_mura(tmp_path: Path) -> None:
    dataset = open_dataset(
        fill(tmp_path, "XR_WRIST/patient1/study1_positive/a.png", "XR_WRIST/patient2/study1_negative/a.png")
    )
    assert [(s.label, s.group) for s in dataset.samples] == [(1, "patient1"), (0, "patient2")]


def test_folders_around_everything_name_no_patient(tmp_path: Path) -> None:
    fill(tmp_path, "mine/images/fracture/a.png", "mine/images/normal/b.png")
    assert len({s.group for s in open_dataset(tmp_path).samples}) == 2


def test_neighbouring_numbers_share_a_group(tmp_path: Path) -> None:
    names = [f"{'fracture' if n < 60 else 'normal'}/img{n:04d}.png" for n in range(100)]
    samples = {s.id: s.group for s in open_dataset(fill(tmp_path, *names)).samples}
    assert samples["fracture/img0001.png"] == samples["fracture/img0000.png"]
    assert 10 <= len(set(samples.values())) <= 20
    assert samples["fracture/img0059.png"] != samples["normal/img0060.png"]


def test_names_without_number_stand_alone(tmp_path: Path) -> None:
    samples = open_dataset(fill(tmp_path, "fracture/a.png", "fracture/b.png", "normal/c.png")).samples
    assert len({s.group for s in samples}) == 3


def test_own_split_is_a_finding_and_leaks_are_named(tmp_path: Path) -> None:
    dataset = open_dataset(
        fill(
            tmp_path, "train/fracture/p1/a.png", "train/normal/p2/a.png", "val/normal/p3/a.png", "val/fracture/p1/b.png"
        )
    )
    assert dataset.samples[0].facets == {"split": "train"}
    assert any("train, val" in finding for finding in dataset.findings)
    (leak,) = [finding for finding in dataset.findings if "more than one" in finding]
    assert leak.endswith(": p1")


def test_stray_files_are_findings(tmp_path: Path) -> None:
    fill(tmp_path, "fracture/a.png", "normal/b.png", "misc/c.png")
    (tmp_path / "readme.txt").write_text("hello")
    (tmp_path / "fracture" / ".hidden.png").write_text("hello")
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 2
    assert any("misc/c.png" in f for f in dataset.findings) and any("readme.txt" in f for f in dataset.findings)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images") as error:
        open_dataset(tmp_path)
    assert "sub-folder per class" in error.value.hint


@pytest.mark.parametrize(("there", "missing"), [("fracture", "no fracture"), ("normal", "fracture")])
def test_one_class_says_which_is_missing(tmp_path: Path, there: str, missing: str) -> None:
    with pytest.raises(DatasetError, match=f"no images of class '{missing}'"):
        open_dataset(fill(tmp_path, f"{there}/a.png"))


def test_unknown_class_names(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cats, dogs"):
        open_dataset(fill(tmp_path, "cats/a.png", "dogs/b.png"))


def test_missing_and_foreign_locations(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such folder"):
        open_dataset(tmp_path / "nowhere")
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(DatasetError, match=r"a\.png: neither a folder nor a readable \.zip"):
        open_dataset(tmp_path / "a.png")


def test_types_of_fractures_are_classes(tmp_path: Path) -> None:
    """As in the sets of ten types on the web: a split inside each class, and beside them one without fracture."""
    dataset = open_dataset(
        fill(
            tmp_path,
            "Spiral Fracture/Train/a.png",
            "Spiral Fracture/Test/b.png",
            "Oblique fracture/Train/c.png",
            "Fracture Dislocation/Train/d.png",
            "normal/Train/e.png",
        )
    )
    assert dataset.classes == ("no fracture", "dislocation", "oblique", "spiral")
    assert {s.id.split("/")[-1]: dataset.classes[s.label] for s in dataset.samples} == {
        "a.png": "spiral",
        "b.png": "spiral",
        "c.png": "oblique",
        "d.png": "dislocation",
        "e.png": "no fracture",
    }
    assert {s.facets["split"] for s in dataset.samples} == {"train", "test"}
    assert dataset.positives == 4


def test_types_without_a_normal_class(tmp_path: Path) -> None:
    assert open_dataset(fill(tmp_path, "train/spiral/a.png", "train/torus/b.png")).classes == ("spiral", "torus")


def test_one_type_alone_lacks_the_others(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no images of class 'no fracture', only of 'spiral'"):
        open_dataset(fill(tmp_path, "spiral/a.png"))


def test_types_below_a_folder_of_fractures(tmp_path: Path) -> None:
    names = ("fracture/spiral/p1/a.png", "fracture/p2/b.png", "fracture/oblique/c.png", "normal/oblique/d.png")
    dataset = open_dataset(fill(tmp_path, *names))
    assert [dataset.classes[s.label] for s in dataset.samples] == ["fracture", "fracture", "spiral", "no fracture"]
    groups = {s.id: s.group for s in dataset.samples}
    assert (groups[names[0]], groups[names[1]]) == ("p1", "p2")


@pytest.mark.parametrize("folder", ["valid", "Validation", "val"])
def test_splits_have_one_name(tmp_path: Path, folder: str) -> None:
    dataset = open_dataset(fill(tmp_path, f"{folder}/fracture/a.png", f"{folder}/normal/b.png"))
    assert {s.facets["split"] for s in dataset.samples} == {"val"}
