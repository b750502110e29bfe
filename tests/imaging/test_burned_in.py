"""Text in the picture: found where it is drawn, not where bones, markers or noise are; and what DICOM files say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.imaging.burned_in import ANNOTATED, RECOGNISABLE, STROKES, band_of_text, identifying
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph
from tests.imaging.files import dicom, noise

PHANTOMS = [sample.read().pixels for sample in phantom_dataset(12, 5).samples]


def written(pixels: NDArray[np.uint8], at: tuple[float, float], size: int, grey: int = 255) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels.copy())
    place = round(at[0] * image.width), round(at[1] * image.height)
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).text(place, "DOE^JANE 1961", font=font, fill=grey)
    return np.asarray(image)


@pytest.mark.parametrize(
    ("at", "place"), [((0.02, 0.02), "top left"), ((0.6, 0.02), "top right"), ((0.02, 0.93), "bottom left")]
)
def test_text_is_found_and_its_place_named(at: tuple[float, float], place: str) -> None:
    black = np.zeros((454, 373), np.uint8)
    for size in (11, 16):
        reason = identifying(Radiograph(written(black, at, size), "PNG"))
        assert reason == f"there may be burned-in text ({place})"


def test_on_phantoms_text_is_told_from_none() -> None:
    without = [band_of_text(pixels)[0] for pixels in PHANTOMS]
    assert np.mean([strokes < STROKES for strokes in without]) > 0.9
    size = round(0.04 * max(PHANTOMS[0].shape))
    greys = [int(np.median(pixels[: 2 * size, : 16 * size])) for pixels in PHANTOMS]
    texts = [
        written(pixels, (0.02, 0.02), size, grey + 120 if grey < 128 else grey - 120)
        for pixels, grey in zip(PHANTOMS, greys, strict=True)
    ]
    assert np.mean([band_of_text(pixels)[0] >= STROKES for pixels in texts]) > 0.9


def test_text_of_large_pictures_is_found() -> None:
    large = written(np.zeros((3000, 2500), np.uint8), (0.02, 0.02), 48)
    assert "top left" in str(identifying(Radiograph(large, "PNG")))


def test_what_fills_the_picture_is_no_text() -> None:
    bars = np.zeros((454, 373), np.uint8)
    bars[:, 100:200:12] = bars[:, 101:200:12] = 200
    assert identifying(Radiograph(bars, "PNG")) is None
    for side in (48, 90, 400):
        assert identifying(Radiograph(noise(side, side + 7), "PNG")) is None


@pytest.mark.parametrize("shape", [(1, 1), (3, 3000), (3000, 3), (8, 40), (40, 8), (12, 41)])
def test_any_shape_has_an_answer(shape: tuple[int, int]) -> None:
    assert identifying(Radiograph(np.zeros(shape, np.uint8), "PNG")) is None
    band_of_text(noise(*shape))


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ({"BurnedInAnnotation": "YES"}, ANNOTATED),
        ({"RecognizableVisualFeatures": "YES"}, RECOGNISABLE),
        ({"BurnedInAnnotation": "NO"}, None),
        ({"BurnedInAnnotation": "DOE"}, None),
    ],
)
def test_what_a_dicom_file_says_of_itself(tags: dict[str, str], said: str | None) -> None:
    pixels = np.full((64, 64), 90, np.uint8)
    assert identifying(decode_radiograph(dicom(pixels, **tags), "x.dcm")) == said


def test_a_no_of_the_file_does_not_silence_the_pixels() -> None:
    pixels = written(np.zeros((454, 373), np.uint8), (0.02, 0.02), 14)
    radiograph = decode_radiograph(dicom(pixels, BurnedInAnnotation="NO"), "x.dcm")
    assert "may be burned-in text" in str(identifying(radiograph))
