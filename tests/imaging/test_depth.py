"""The numbers behind a raster: shown as read they are the raster, and by a window what reading with it gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.sequence import Sequence

from edgefrac.imaging.depth import Depth
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph
from edgefrac.imaging.voi import Window
from tests.imaging.files import dicom, encode, noise, png
from tests.imaging.test_against_dcmtk import table

DEEP = noise(31, 47, high=4096)
SIGNED = (noise(31, 47, high=4096) - 1500).astype(np.int16)
TWELVE = {"BitsStored": 12, "HighBit": 11}
OWN = {"WindowCenter": 1900, "WindowWidth": 2800}
CT = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, **TWELVE}
CURVE = Sequence([*table(100, np.geomspace(1, 4095, 3000).astype(np.uint16), 12)])

DICOM: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "no window": (DEEP, TWELVE),
    "window": (DEEP, {**OWN, **TWELVE}),
    "exact window": (DEEP, {**OWN, "VOILUTFunction": "LINEAR_EXACT", **TWELVE}),
    "sigmoid": (DEEP, {"WindowCenter": 1900, "WindowWidth": 900, "VOILUTFunction": "SIGMOID", **TWELVE}),
    "VOI LUT": (DEEP, {"VOILUTSequence": CURVE, **TWELVE}),
    "MONOCHROME1": (DEEP, {"PhotometricInterpretation": "MONOCHROME1", **TWELVE}),
    "CT without window": (DEEP, CT),
    "rescale": (DEEP, {"RescaleSlope": 0.37, "RescaleIntercept": -12.5, **OWN, **TWELVE}),
    "signed": (SIGNED, {"PixelRepresentation": 1, "WindowCenter": 40, "WindowWidth": 400}),
    "padding": (np.where(DEEP > 3000, 4095, DEEP).astype(np.uint16), {"PixelPaddingValue": 4095, **TWELVE}),
    "padding range": (DEEP, {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 900, **OWN, **TWELVE}),
    "8 bits": (noise(31, 47), {"WindowCenter": 100, "WindowWidth": 120}),
    "modality LUT": (DEEP, {"ModalityLUTSequence": CURVE, **TWELVE}),
}
RASTERS = {
    "PNG": png(noise(31, 47).astype(np.uint8)),
    "16-bit PNG": png(noise(31, 47, high=65536).astype(np.uint16)),
    "10 bits in a 16-bit PNG": png(noise(31, 47, high=1024).astype(np.uint16)),
}
FILES = {**{name: dicom(pixels, **tags) for name, (pixels, tags) in DICOM.items()}, **RASTERS}


def read(data: bytes, window: tuple[float, float] | None = None) -> Radiograph:
    return decode_radiograph(data, "file", window=window)


def modality(depth: Depth) -> np.ndarray:
    return (depth.values.astype(np.int64) + depth.first) * depth.slope + depth.intercept


@pytest.mark.parametrize("name", FILES)
def test_as_read_it_is_the_raster(name: str) -> None:
    radiograph = read(FILES[name])
    depth = radiograph.numbers
    assert depth.values.dtype == (np.uint8 if len(depth.table) <= 256 else np.uint16)
    assert np.array_equal(depth.table[depth.values], radiograph.pixels)
    assert np.unique(radiograph.pixels).size > 2


@pytest.mark.parametrize("name", [name for name in DICOM if name not in ("padding", "padding range", "modality LUT")])
@pytest.mark.parametrize("window", [(1500.0, 1000.0), (40.0, 400.0), (400.0, 1.0), (10.5, 77.5)])
def test_a_window_on_it_is_reading_with_that_window(name: str, window: tuple[float, float]) -> None:
    depth = read(FILES[name]).numbers
    shown = Window(*window).to_grey(modality(depth))
    assert np.array_equal(255 - shown if depth.inverted else shown, read(FILES[name], window).pixels)


@pytest.mark.parametrize("name", [name for name in FILES if name != "MONOCHROME1"])
def test_the_window_said_is_the_one_that_was_used(name: str) -> None:
    radiograph = read(FILES[name])
    depth = radiograph.numbers
    shown = Window(depth.curve.center, depth.curve.width).to_grey(modality(depth))
    is_padding = radiograph.pixels == 0
    same = (
        np.abs(shown.astype(int) - radiograph.pixels)[~is_padding] if "padding" in name else shown - radiograph.pixels
    )
    assert depth.curve.straight == (name not in ("sigmoid", "VOI LUT"))
    assert (not same.any()) == depth.curve.straight


def test_units_are_hounsfields_only_where_the_file_says_so() -> None:
    assert read(FILES["CT without window"]).numbers.unit == "HU"
    assert read(dicom(DEEP, Modality="CT", **TWELVE)).numbers.unit == "value"
    assert read(FILES["modality LUT"]).numbers.unit == "grey"
    assert read(FILES["PNG"]).numbers.unit == "grey"


def test_a_coloured_file_has_the_depth_of_its_raster() -> None:
    from PIL import Image

    radiograph = read(encode(Image.fromarray(noise(31, 47, 3).astype(np.uint8)), "PNG"))
    assert radiograph.depth is None and radiograph.numbers.values is radiograph.pixels


def test_a_deep_png_on_its_side_is_turned_like_its_raster() -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(noise(31, 47, high=65536).astype(np.uint16))
    radiograph = read(encode(image, "PNG", exif=exif))
    depth = radiograph.numbers
    assert radiograph.pixels.shape == (47, 31)
    assert np.array_equal(depth.table[depth.values], radiograph.pixels) and depth.values.dtype == np.uint16
