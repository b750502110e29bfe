"""CT- and MR-like phantoms, and phantoms as DICOM files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest

from edgefrac.datasets import open_dataset
from edgefrac.datasets.phantom import contact_sheet, phantom_dataset, write_phantoms
from edgefrac.datasets.phantom.dicom import SOP_CLASSES
from edgefrac.datasets.phantom.slices import phantom_slice


@pytest.mark.parametrize("modality", ["ct", "mr"])
def test_slices_are_a_data_set(modality: str) -> None:
    dataset = open_dataset(f"phantom:n=8,seed=2,modality={modality}")
    radiograph = dataset.samples[2].read()
    assert radiograph.modality == modality.upper() and radiograph.spacing_mm is not None
    assert [sample.facets["view"] for sample in dataset.samples] == ["coronal", "axial"] * 4
    assert [sample.label for sample in dataset.samples] == [0, 0, 1, 1] * 2
    assert all(len(sample.boxes) <= sample.label for sample in dataset.samples)
    assert radiograph.notes == ("phantom, not clinical",)


def test_tissues_have_their_hounsfield_units() -> None:
    values = phantom_slice(1, 0, "ct", side=200).values
    assert values.min() >= -1024 and values.max() <= 3071
    around = {name: float(np.mean(np.abs(values - units) < 60)) for name, units in {"air": -1000, "muscle": 55}.items()}
    assert around["air"] > 0.05 and around["muscle"] > 0.05 and float(np.mean(values > 600)) > 0.003


def test_fat_and_marrow_outshine_muscle_and_cortex_is_black_in_mr() -> None:
    """The same patient twice: what is dense in CT is dark in MR."""
    ct, mr = (phantom_slice(1, 0, modality, side=200).values for modality in ("ct", "mr"))
    muscle, cortex = np.abs(ct - 55) < 25, ct > 1100
    assert mr[cortex].mean() < 0.6 * mr[muscle].mean()


def test_the_mask_is_where_the_fracture_is() -> None:
    found = [phantom_slice(0, index, "ct", side=160).mask for index in range(16)]
    assert [bool(mask.any()) for mask in found[0::4]] == [False] * 4
    assert sum(bool(mask.any()) for mask in found[2::4]) >= 3


@pytest.mark.parametrize("modality", ["xray", "ct", "mr"])
def test_dicom_files_are_valid_and_show_the_same(tmp_path: Path, modality: str) -> None:
    dataset = phantom_dataset(4, 3, longer_side=120, modality=modality)
    write_phantoms(dataset, tmp_path, "dicom")
    again = open_dataset(tmp_path)
    for made, read in zip(dataset.samples, again.samples, strict=True):
        header = pydicom.dcmread(tmp_path / read.id)
        assert header.SOPClassUID == SOP_CLASSES[modality] and str(header.PatientName) == "phantom^not clinical"
        assert header.PatientID == made.group
        difference = np.abs(made.read().pixels.astype(int) - read.read().pixels)
        assert difference.max() <= 1, difference.max()


def test_the_same_seed_gives_the_same_dicom_files(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_phantoms(phantom_dataset(2, 3, longer_side=60), tmp_path / folder, "dicom")
    files = sorted((tmp_path / "a").rglob("*.dcm"))
    assert files and all(f.read_bytes() == (tmp_path / "b" / f.relative_to(tmp_path / "a")).read_bytes() for f in files)


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy (Debian: dicom3tools) is not installed")
@pytest.mark.parametrize("modality", ["xray", "ct", "mr"])
def test_dciodvfy_finds_no_error(tmp_path: Path, modality: str) -> None:
    write_phantoms(phantom_dataset(4, 3, longer_side=61, modality=modality), tmp_path, "dicom")
    files = sorted(tmp_path.rglob("*.dcm"))
    assert len(files) == 4
    for file in files:
        said = subprocess.run(["dciodvfy", str(file)], capture_output=True, text=True, check=False)
        assert "Error" not in said.stdout + said.stderr, said.stderr


def test_a_sheet_shows_all_and_says_what_it_is() -> None:
    data = contact_sheet(phantom_dataset(7, 1, longer_side=100), columns=3)
    assert data.startswith(b"\x89PNG") and len(data) < 600_000
