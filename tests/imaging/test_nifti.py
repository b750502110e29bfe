"""NIfTI volumes: every orientation shows like the same volume as a DICOM series; ranges, gzip, damage."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest

from edgefrac.errors import ImageError
from edgefrac.imaging import limits
from edgefrac.imaging.nifti import NiftiVolume
from edgefrac.imaging.read import decode_radiograph, read_radiograph
from edgefrac.imaging.stack import read_stack
from edgefrac.imaging.voi import Window, range_to_grey
from tests.imaging.files import noise

nib = pytest.importorskip("nibabel")

# axes towards the patient's left, back and head, as DICOM counts them
PATIENT = noise(19, 21, 23, high=4096).astype(np.int16) - 1000
SPACING = (0.5, 0.75, 2.0)


def volume(values: np.ndarray, affine: np.ndarray, kind: str = "Nifti1Image", **header: object) -> bytes:
    image = getattr(nib, kind)(values, affine)
    for name, value in header.items():
        image.header[name] = value
    return bytes(image.to_bytes())


def stored_as(axes: tuple[int, ...], flips: tuple[int, ...]) -> bytes:
    """``PATIENT`` with its axes permuted and reversed, and the affine that says so."""
    values = PATIENT.transpose(axes)[tuple(slice(None, None, flip) for flip in flips)]
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (world, flip) in enumerate(zip(axes, flips, strict=True)):
        # NIfTI counts towards the right and the front where DICOM counts to the left and the back
        affine[world, axis] = SPACING[world] * flip * (1 if world == 2 else -1)
    return volume(np.ascontiguousarray(values), affine)


@pytest.mark.parametrize("flips", list(itertools.product((1, -1), repeat=3)))
@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
def test_every_storage_order_shows_the_same_patient(axes: tuple[int, ...], flips: tuple[int, ...]) -> None:
    found = NiftiVolume(stored_as(axes, flips), "a.nii")
    # what DICOM shows: rows and columns of the images, and their order along the normal
    left, back, head = PATIENT, PATIENT.transpose(1, 0, 2), PATIENT.transpose(2, 0, 1)
    expected = {
        0: [plane.T[::-1] for plane in left][::-1],  # sagittal: across to the back, down to the feet
        1: [plane.T[::-1] for plane in back],  # coronal: across to the left, down to the feet
        2: [plane.T for plane in head],  # axial: across to the left, down to the back
    }[axes[2]]
    assert found.slices == len(expected)
    spacing = {0: (2.0, 0.75), 1: (2.0, 0.5), 2: (0.75, 0.5)}[axes[2]]
    for index in (0, 7, found.slices - 1):
        radiograph = found.slice(index, (500, 3000))
        np.testing.assert_array_equal(radiograph.pixels, Window(500, 3000).to_grey(expected[index]))
        assert radiograph.spacing_mm == pytest.approx(spacing)


def test_without_a_window_the_volume_s_range_or_its_own_display_range_counts() -> None:
    values = noise(20, 20, 4, high=4096)
    spread = NiftiVolume(volume(values.astype(np.int16), np.diag([-1, -1, 1, 1])), "a").slice(2)
    np.testing.assert_array_equal(spread.pixels, range_to_grey(values[:, :, 2].T, values.min(), values.max()))
    assert spread.notes == ("no window in the file: smallest to largest value",)
    shown = volume(values.astype(np.int16), np.diag([-1, -1, 1, 1]), cal_min=100, cal_max=900)
    radiograph = NiftiVolume(shown, "a").slice(2)
    np.testing.assert_array_equal(radiograph.pixels, range_to_grey(values[:, :, 2].T, 100, 900))
    assert radiograph.notes == ("display range of the file",)


@pytest.mark.parametrize("kind", ["Nifti1Image", "Nifti2Image"])
def test_scaled_floats_and_what_is_no_number(kind: str) -> None:
    values = noise(20, 30).astype(np.float32) * 4 - 1000
    values[3, 4], values[5, 6] = np.nan, np.inf
    data = gzip.compress(volume(values[:, :, None], np.diag([-1, -1, 1, 1]), kind))
    radiograph = decode_radiograph(data, "a.nii.gz", window="soft-tissue")
    expected = Window(40, 400).to_grey(np.nan_to_num(values.T, posinf=-2000))
    expected[4, 3] = expected[6, 5] = 0
    np.testing.assert_array_equal(radiograph.pixels, expected)
    assert (radiograph.source_format, radiograph.modality) == ("NIfTI", None)


def test_slope_and_intercept() -> None:
    values = noise(20, 20, 1).astype(np.int16)
    image = nib.Nifti1Image(values, np.diag([-1, -1, 1, 1]))
    image.header.set_slope_inter(2.5, -300)
    data = bytearray(image.to_bytes())
    np.testing.assert_allclose(np.frombuffer(data[112:120], "<f4"), [2.5, -300])
    pixels = decode_radiograph(bytes(data), "a", window=(40, 400)).pixels
    stored = np.asarray(nib.Nifti1Image.from_bytes(bytes(data)).dataobj)[:, :, 0].T
    np.testing.assert_array_equal(pixels, Window(40, 400).to_grey(stored))
    assert stored.max() > 255


def test_a_volume_is_no_single_image_but_a_stack(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(gzip.compress(stored_as((0, 1, 2), (1, 1, 1))))
    with pytest.raises(ImageError, match=r"a\.nii\.gz: a volume of 23 slices, not one image") as raised:
        read_radiograph(path)
    assert "read_stack" in raised.value.hint
    stack = read_stack(path, window="bone")
    assert len(stack) == 23
    assert [radiograph.slice_index for radiograph in stack] == list(range(23))
    np.testing.assert_array_equal(stack[5].pixels, Window(400, 1800).to_grey(PATIENT[:, :, 5].T))


def test_four_dimensions_give_the_first_volume() -> None:
    values = noise(20, 20, 3, 2, high=4096).astype(np.int16)
    radiograph = NiftiVolume(volume(values, np.diag([-1, -1, 1, 1])), "a").slice(1, (2000, 4000))
    np.testing.assert_array_equal(radiograph.pixels, Window(2000, 4000).to_grey(values[:, :, 1, 0].T))
    assert radiograph.notes[0] == "first of 2 volumes"


def rgb() -> bytes:
    values = np.zeros((20, 20, 1), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    return volume(values, np.eye(4))


WHOLE = stored_as((0, 1, 2), (1, 1, 1))


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (WHOLE[:2000], "truncated NIfTI file: 2000 of "),
        (WHOLE[:352], "truncated NIfTI file: 352 of "),
        (gzip.compress(WHOLE)[:3000], "truncated NIfTI file: its gzip stream ends too early"),
        (gzip.compress(WHOLE)[:40], "not an image of a known format"),
        (rgb(), "neither integers nor floats"),
        (volume(np.zeros((8, 20, 2), np.int16), np.eye(4)), "too few"),
        (volume(np.zeros((20, 20, 2), np.int16), np.eye(4))[:280] + bytes(48) + WHOLE[328:], "damaged NIfTI file"),
    ],
    ids=["cut", "header only", "gzip cut", "gzip sliver", "colour", "small", "no directions"],
)
def test_bad_files_are_one_line(data: bytes, cause: str) -> None:
    with pytest.raises(ImageError, match=cause) as raised:
        NiftiVolume(data, "a.nii") if cause != "not an image of a known format" else decode_radiograph(data, "a.nii")
    assert raised.value.message.startswith("a.nii: ") and "\n" not in raised.value.message


def test_gzip_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    data = gzip.compress(volume(np.zeros((400, 400, 20), np.int16), np.eye(4)))
    monkeypatch.setattr(limits, "MAX_BYTES", 1 << 20)
    with pytest.raises(ImageError, match="inflates to more than 1 MiB"):
        NiftiVolume(data, "a.nii.gz")


def test_header_texts_stay_inside(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    secrets = ["ZQ-SMITH-JOHN", "ZQ19700101", "ZQ-HOSPITAL"]
    data = volume(PATIENT, np.diag([-1, -1, 1, 1]), descrip=secrets[0], aux_file=secrets[1], db_name=secrets[2])
    assert all(secret.encode() in data for secret in secrets)
    caplog.set_level("DEBUG")
    said = [repr(NiftiVolume(data, "a.nii").slice(0))]
    random = np.random.default_rng(5)
    for _ in range(100):
        broken = bytearray(data[: random.integers(348, len(data))])
        for position in random.integers(0, 148, 4):
            broken[position] = random.integers(256)
        try:
            said.append(repr(NiftiVolume(bytes(broken), "a.nii").slice(0)))
        except ImageError as error:
            assert error.__context__ is None
            said.append(str(error) + error.hint)
    printed = capfd.readouterr()
    everything = "\n".join([*said, printed.out, printed.err, caplog.text])
    assert not [secret for secret in secrets if secret in everything]
    assert printed.err == ""
