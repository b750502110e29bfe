"""Stored values cut out of their words: odd depths, high bits, overlays beside them, slopes, presets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from edgefrac.errors import UsageError
from edgefrac.imaging.dicom.pixels import stored_values
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph
from edgefrac.imaging.voi import CT_PRESETS, Window, range_to_grey
from tests.imaging.files import dataset, dicom, noise

STORED = noise(24, 31, high=4096, seed=3)
CT = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 50, "WindowWidth": 80}


def read(pixels: np.ndarray, *, window: Any = None, **tags: Any) -> Radiograph:
    return decode_radiograph(dicom(pixels, **tags), "a.dcm", window=window)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda uid: uid.name)
@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("shift", [0, 1])
def test_odd_depths(bits: int, signed: bool, shift: int, syntax: str) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, (20, 25))
    words = (values << shift).astype(np.uint16)
    ds = dataset(words, syntax=syntax, BitsStored=bits, HighBit=bits - 1 + shift, PixelRepresentation=int(signed))
    found, notes = stored_values(ds, "a", 0)
    expected = np.where(values >= 1 << (bits - 1), values - (1 << bits), values) if signed else values
    np.testing.assert_array_equal(found, expected)
    assert notes == []


def test_overlay_bits_above_the_stored_ones_are_no_grey() -> None:
    overlaid = STORED | np.uint16(0x8000) * (STORED % 2)
    tags = {"BitsStored": 12, "HighBit": 11}
    plain, radiograph = read(STORED, **tags), read(overlaid, **tags)
    assert radiograph.sha256 == plain.sha256
    assert radiograph.notes[0] == "bits beside the 12 stored ones ignored"
    assert plain.notes[0].startswith("no window")


def test_16_bit_values_in_a_file_of_12_are_noted() -> None:
    wide = STORED * np.uint16(16)
    radiograph = read(wide, BitsStored=12, HighBit=11)
    assert radiograph.notes[0] == "bits beside the 12 stored ones ignored"
    np.testing.assert_array_equal(radiograph.pixels, range_to_grey(wide & 0xFFF, 0, (wide & 0xFFF).max()))


@pytest.mark.parametrize(("stored", "high"), [(0, 11), (17, 11), (12, 3), (12, 40), (-4, 11)])
def test_impossible_depths_are_no_crash(stored: int, high: int) -> None:
    from edgefrac.errors import ImageError

    tags = {"BitsStored": stored % 65536, "HighBit": high}
    try:
        assert read(STORED, **tags).pixels.shape == STORED.shape
    except ImageError as error:
        assert str(error).startswith("a.dcm: ")


def test_one_bit_a_pixel() -> None:
    bits = noise(24, 32) % 2
    ds = dataset(bits, BitsAllocated=1, BitsStored=1, HighBit=0)
    ds.PixelData = np.packbits(bits, bitorder="little").tobytes()
    np.testing.assert_array_equal(stored_values(ds, "a", 0)[0], bits)


def test_negative_slope_turns_the_scale_around() -> None:
    radiograph = read(STORED, RescaleSlope="-2", RescaleIntercept="5000", WindowCenter="1000", WindowWidth="6000")
    np.testing.assert_array_equal(radiograph.pixels, Window(1000, 6000).to_grey(5000.0 - 2.0 * STORED))
    spread = read(STORED, RescaleSlope="-2", RescaleIntercept="5000").pixels
    assert spread[np.unravel_index(STORED.argmin(), STORED.shape)] == 255
    assert spread[np.unravel_index(STORED.argmax(), STORED.shape)] == 0


@pytest.mark.parametrize("preset", CT_PRESETS)
def test_presets_apply_to_ct_in_hounsfield_units(preset: str) -> None:
    radiograph = read(STORED, window=preset, **CT)
    np.testing.assert_array_equal(radiograph.pixels, CT_PRESETS[preset].to_grey(STORED - 1024.0))
    assert radiograph.notes == (f"CT window {preset} as asked for",)


@pytest.mark.parametrize("other", [{"Modality": "DX"}, {"RescaleIntercept": None}], ids=["DX", "no HU"])
def test_presets_leave_other_files_as_they_are(other: dict[str, Any]) -> None:
    tags = {**CT, **other}
    radiograph, plain = read(STORED, window="bone", **tags), read(STORED, **tags)
    assert radiograph.sha256 == plain.sha256
    assert radiograph.notes == ("window bone ignored: not a CT file in Hounsfield units", *plain.notes)


def test_unknown_preset() -> None:
    with pytest.raises(UsageError, match="window lung: no such CT preset; there are bone, soft-tissue"):
        read(STORED, window="lung")


def test_presets_on_the_command_line(tmp_path: Any, tiny_tflite: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from edgefrac.cli.main import main

    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(STORED, **CT))
    for window, status in (("bone", 0), ("soft-tissue", 0), ("40,400", 0), ("lung", 2)):
        assert main(["predict", str(path), "--model", str(tiny_tflite), "--window", window]) == status
    assert "bone or soft-tissue for CT" in capsys.readouterr().err
