"""Stacks: the order of a DICOM series, frames of a file, and folders that hold something else too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from edgefrac.errors import ImageError, UsageError
from edgefrac.imaging.stack import read_stack, read_stacks
from edgefrac.imaging.voi import Window
from tests.imaging.files import dicom, noise, png

SLICES = noise(6, 20, 24, high=4096)
WINDOW = (2000, 4000)
AXIAL, SAGITTAL = [1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1]
SHUFFLED = (3, 0, 5, 1, 4, 2)


def write_series(folder: Path, *, name: str = "s", series: str = "1.2.3", **per_slice: list[Any]) -> None:
    """The slices under names in another order; tags given as one value per slice."""
    folder.mkdir(exist_ok=True)
    for place, index in enumerate(SHUFFLED):
        tags = {keyword: values[index] for keyword, values in per_slice.items() if values[index] is not None}
        data = dicom(SLICES[index], SeriesInstanceUID=series, Modality="CT", **tags)
        (folder / f"{name}{place}.dcm").write_bytes(data)


def order(folder: Path) -> list[int]:
    """Which slice each slice of the stack is."""
    wanted = [Window(*WINDOW).to_grey(values).tobytes() for values in SLICES]
    return [wanted.index(radiograph.pixels.tobytes()) for radiograph in read_stack(folder, window=WINDOW)]


def axial(*heights: float) -> list[list[float]]:
    return [[-100.5, -100.5, height] for height in heights]


def test_position_beats_the_number(tmp_path: Path) -> None:
    write_series(
        tmp_path,
        ImagePositionPatient=axial(-30, -27.5, -25, -2.5, 0, 2.5),
        ImageOrientationPatient=[AXIAL] * 6,
        InstanceNumber=[6, 5, 4, 3, 2, 1],
    )
    assert order(tmp_path) == [0, 1, 2, 3, 4, 5]
    stack = read_stack(tmp_path)
    assert stack.notes == ("ordered by position",)
    assert [radiograph.slice_index for radiograph in stack] == [0, 1, 2, 3, 4, 5]
    assert (stack[-1].slice_index, stack[2].modality) == (5, "CT")


def test_position_is_taken_along_the_normal(tmp_path: Path) -> None:
    # sagittal: the normal points to the patient's right, so the order runs against x
    positions = [[50 - 5 * index, -100 + index, 80] for index in range(6)]
    write_series(tmp_path, ImagePositionPatient=positions, ImageOrientationPatient=[SAGITTAL] * 6)
    assert order(tmp_path) == [0, 1, 2, 3, 4, 5]


def test_equal_positions_keep_the_order_of_their_numbers(tmp_path: Path) -> None:
    write_series(
        tmp_path,
        ImagePositionPatient=axial(0, 0, 0, 5, 5, 5),
        ImageOrientationPatient=[AXIAL] * 6,
        InstanceNumber=[1, 2, 3, 4, 5, 10],
    )
    assert order(tmp_path) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("broken", [None, [0, 0], ["x", 0, 0]])
def test_one_slice_without_position_leaves_the_order_to_the_numbers(tmp_path: Path, broken: Any) -> None:
    positions: list[Any] = axial(9, 8, 7, 6, 5, 4)
    write_series(
        tmp_path,
        ImagePositionPatient=[*positions[:4], None, positions[5]],
        ImageOrientationPatient=[AXIAL] * 6,
        InstanceNumber=[1, 2, 3, 9, 10, 11],
    )
    assert order(tmp_path) == [0, 1, 2, 3, 4, 5]
    assert read_stack(tmp_path).notes == ("ordered by instance number",)


def test_without_anything_the_names_decide(tmp_path: Path) -> None:
    write_series(tmp_path)
    assert order(tmp_path) == list(SHUFFLED)
    assert read_stack(tmp_path).notes == ("ordered by file name",)


def test_other_files_are_left_out_and_counted(tmp_path: Path) -> None:
    write_series(tmp_path, InstanceNumber=list(range(6)))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "preview.png").write_bytes(png(noise(20, 20)))
    (tmp_path / ".hidden").write_bytes(b"x")
    report = dicom(noise(20, 20)).replace(b"\xe0\x7f\x10\0", b"\xe0\x7f\x12\0")  # its picture under another tag
    (tmp_path / "report.dcm").write_bytes(report)
    assert order(tmp_path) == [0, 1, 2, 3, 4, 5]
    assert read_stack(tmp_path).notes[1] == "3 files without a DICOM image left out"


def test_several_series_are_told_apart(tmp_path: Path) -> None:
    write_series(tmp_path, name="a", series="1.2.3", InstanceNumber=list(range(6)))
    (tmp_path / "b.dcm").write_bytes(dicom(noise(30, 30), SeriesInstanceUID="1.2.840.9.8.7.6"))
    with pytest.raises(ImageError, match=r"2 series in one folder") as raised:
        read_stack(tmp_path)
    assert "1.2.840.9.8.7.6" not in raised.value.message + raised.value.hint
    stacks = read_stacks(tmp_path)
    assert [len(stack) for stack in stacks] == [6, 1]
    assert "1.2.840.9.8.7.6" not in repr(stacks)


def test_frames_of_one_file_have_their_own_facts(tmp_path: Path) -> None:
    def group(intercept: int, spacing: float) -> Dataset:
        item, rescale, measures = Dataset(), Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = 1, intercept
        measures.PixelSpacing = [spacing, spacing]
        item.PixelValueTransformationSequence, item.PixelMeasuresSequence = [rescale], [measures]
        return item

    groups = [group(-1000 - index, 0.5 + index) for index in range(6)]
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(SLICES, NumberOfFrames=6, PerFrameFunctionalGroupsSequence=groups))
    stack = read_stack(path, window=WINDOW)
    assert len(stack) == 6
    for index, radiograph in enumerate(stack):
        expected = Window(*WINDOW).to_grey(SLICES[index] - 1000.0 - index)
        np.testing.assert_array_equal(radiograph.pixels, expected)
        assert radiograph.spacing_mm == (0.5 + index, 0.5 + index)
    assert stack[2].notes[0] == "frame 3 of 6"


def test_a_single_image_is_a_stack_of_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(20, 20)))
    (radiograph,) = read_stack(path)
    assert radiograph.slice_index == 0


def test_slices_are_decoded_when_asked_for(tmp_path: Path) -> None:
    write_series(tmp_path, InstanceNumber=list(range(6)))
    cut = tmp_path / "s1.dcm"  # slice 0
    stack = read_stack(tmp_path)
    cut.write_bytes(cut.read_bytes()[:-100])
    assert stack[1].pixels.shape == (20, 24)
    with pytest.raises(ImageError, match=r"s1\.dcm: truncated DICOM file"):
        stack[0]
    with pytest.raises(IndexError):
        stack[6]


def test_progress_covers_every_file(tmp_path: Path) -> None:
    write_series(tmp_path, InstanceNumber=list(range(6)))
    seen: list[tuple[int, str]] = []

    def track(items: Any, what: str, /) -> Any:
        seen.append((len(items), what))
        return items

    read_stack(tmp_path, track=track)
    assert seen == [(6, f"headers in {tmp_path}")]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no DICOM image in this folder"):
        read_stack(tmp_path)
    with pytest.raises(ImageError, match="no such file"):
        read_stack(tmp_path / "absent")
    with pytest.raises(UsageError, match="no such CT preset"):
        read_stack(tmp_path, window="lung")
