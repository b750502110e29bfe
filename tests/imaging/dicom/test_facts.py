"""Facts kept about the picture: only numbers and the standard's own codes."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph
from tests.imaging.files import dicom, noise

STORED = noise(20, 30, high=4096)


def read(**tags: Any) -> Radiograph:
    return decode_radiograph(dicom(STORED, **tags), "a.dcm")


@pytest.mark.parametrize("code", ["AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO"])
def test_view_position(code: str) -> None:
    assert read(ViewPosition=code).view == code


@pytest.mark.parametrize("text", ["", "LATERAL", "MR SMITH", "ap", "AP SMITH"])
def test_free_text_is_no_view(text: str) -> None:
    assert read(ViewPosition=text).view is None


@pytest.mark.parametrize(
    ("tags", "side"),
    [
        ({"ImageLaterality": "L"}, "L"),
        ({"Laterality": "R"}, "R"),
        ({"ImageLaterality": "B", "Laterality": "R"}, "B"),
        ({"ImageLaterality": "SMITH", "Laterality": "R"}, "R"),
        ({"ImageLaterality": "", "Laterality": ""}, None),
        ({"Laterality": "LEFT"}, None),
        ({}, None),
    ],
)
def test_side(tags: dict[str, str], side: str | None) -> None:
    assert read(**tags).side == side


def test_side_of_an_enhanced_file() -> None:
    anatomy, shared = Dataset(), Dataset()
    anatomy.FrameLaterality = "L"
    shared.FrameAnatomySequence = [anatomy]
    assert read(SharedFunctionalGroupsSequence=[shared]).side == "L"


def test_spacing_of_a_scanned_film_comes_last() -> None:
    assert read(NominalScannedPixelSpacing=[0.1, 0.1]).spacing_mm == (0.1, 0.1)
    assert read(NominalScannedPixelSpacing=[0.1, 0.1], ImagerPixelSpacing=[0.2, 0.2]).spacing_mm == (0.2, 0.2)
