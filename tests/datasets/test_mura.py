"""MURA's folder scheme, with noise for images."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.errors import DatasetError
from tests.datasets.conftest import write_image

NAMES = (
    "train/XR_WRIST/patient00001/study1_positive/image1.png",
    "train/XR_WRIST/patient00001/study1_positive/image2.png",
    "train/XR_ELBOW/patient00001/study1_negative/image1.png",
    "train/XR_HUMERUS/patient00002/study2_negative/image1.png",
    "valid/XR_SHOULDER/patient11185/study1_negative/image1.png",
)


@pytest.fixture
def mura(tmp_path: Path) -> Path:
    root = tmp_path / "MURA-v1.1"
    for seed, name in enumerate(NAMES):
        write_image(root / name, seed)
    (root / "train_image_paths.csv").write_text("".join(f"MURA-v1.1/{name}\n" for name in NAMES[:4]))
    (root / "train_labeled_studies.csv").write_text("MURA-v1.1/train/XR_WRIST/patient00001/study1_positive/,1\n")
    (root / "train/XR_WRIST/patient00001/study1_positive/._image1.png").write_bytes(b"a Mac was here")
    return root


def test_studies_patients_regions_and_splits(mura: Path) -> None:
    dataset = open_dataset(mura)
    assert dataset.classes == ("normal", "abnormal") and "not fracture" in dataset.name
    assert [s.label for s in dataset.samples] == [0, 0, 1, 1, 0]
    assert [s.facets["region"] for s in dataset.samples] == ["elbow", "humerus", "wrist", "wrist", "shoulder"]
    assert {s.group for s in dataset.samples if s.id.startswith("train")} == {"patient00001", "patient00002"}
    assert [s.facets["split"] for s in dataset.samples] == ["train"] * 4 + ["val"]
    assert dataset.samples[0].read().pixels.shape == (40, 60)
    assert "agreement" in dataset.licence and "arXiv:1712.06957" in dataset.attribution
    assert any("not fracture of an image" in finding for finding in dataset.findings)
    assert not any("csv" in finding or "._" in finding for finding in dataset.findings)


def test_it_can_be_trained_on_as_it_is(mura: Path) -> None:
    task = fracture_task(open_dataset(mura))
    assert (task.positives, task.classes) == (2, ("normal", "abnormal"))


@pytest.mark.parametrize("inside", ["..", "train"])
def test_any_folder_above_the_patients(mura: Path, inside: str) -> None:
    dataset = open_dataset(mura / inside)
    assert dataset.positives == 2 and {s.facets["region"] for s in dataset.samples} >= {"wrist", "elbow"}


def test_zip(mura: Path) -> None:
    path = mura.parent / "mura.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in NAMES:
            archive.write(mura / name, f"MURA-v1.1/{name}")
    dataset = open_dataset(path)
    assert (len(dataset), dataset.samples[2].group) == (5, "patient00001")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../XR_WRIST/patient00009/study1_positive/image1.png", b"x")
    with pytest.raises(DatasetError, match="outside the archive"):
        open_dataset(path)


def test_patient_in_both_splits_is_named(mura: Path) -> None:
    write_image(mura / "valid/XR_WRIST/patient00002/study3_negative/image1.png", 9)
    assert any("more than one" in f and "patient00002" in f for f in open_dataset(mura).findings)


def test_an_empty_class(mura: Path) -> None:
    with pytest.raises(DatasetError, match="no images of class 'abnormal', only of 'normal'"):
        open_dataset(mura / "valid")


def test_strays_are_findings(mura: Path) -> None:
    write_image(mura / "train/XR_WRIST/patient00003/image1.png", 9)
    dataset = open_dataset(mura)
    assert len(dataset) == 5 and any("patient00003" in finding for finding in dataset.findings)
