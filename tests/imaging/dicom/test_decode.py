"""DICOM: encodings, the chain from stored values to grey, and files that cannot be read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from edgefrac.errors import ImageError
from edgefrac.imaging.dicom import parse as reader
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.read import decode_radiograph, read_radiograph
from edgefrac.imaging.voi import Window, range_to_grey
from edgefrac.serve.dicom.identity import identity_of_file
from tests.imaging.files import dataset, dicom, noise, save

STORED = noise(24, 31, high=4096, seed=3)
SIGNED = STORED.astype(np.int16) - 2000


def read(pixels: np.ndarray, *, window: tuple[float, float] | None = None, **tags: Any) -> Radiograph:
    return decode_radiograph(dicom(pixels, **tags), "a.dcm", window=window)


def lut(first: int, entries: np.ndarray, bits: int, *, data: Any = None) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries) % 65536, first, bits])
    if data is None:
        item.add_new("LUTData", "US", entries.tolist())
    else:
        item.add_new("LUTData", "OW", data)
    return Sequence([item])


SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.name)
@pytest.mark.parametrize("stored", [STORED, SIGNED, STORED.astype(np.uint8)], ids=["16", "signed", "8"])
def test_uncompressed_syntaxes(syntax: str, stored: np.ndarray) -> None:
    radiograph = read(stored, syntax=syntax, WindowCenter=300, WindowWidth=900)
    np.testing.assert_array_equal(radiograph.pixels, Window(300, 900).to_grey(stored))
    assert radiograph.source_format == "DICOM"


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=lambda uid: uid.name)
def test_file_without_preamble(syntax: str) -> None:
    whole = dicom(STORED, syntax=syntax)
    bare = whole[144 + int.from_bytes(whole[140:144], "little") :]
    assert decode_radiograph(bare, "a").sha256 == decode_radiograph(whole, "b").sha256
    assert decode_radiograph(whole[132:], "a").sha256 == decode_radiograph(whole, "b").sha256


def test_signed_values_in_fewer_bits_than_allocated() -> None:
    radiograph = read(SIGNED & 0x0FFF, PixelRepresentation=1, BitsStored=12, HighBit=11)
    in_12_bits = ((SIGNED + 2048) & 0x0FFF) - 2048
    np.testing.assert_array_equal(radiograph.pixels, range_to_grey(in_12_bits, in_12_bits.min(), in_12_bits.max()))


def test_no_window_spreads_the_values_found() -> None:
    radiograph = read(STORED)
    np.testing.assert_array_equal(radiograph.pixels, range_to_grey(STORED, STORED.min(), STORED.max()))
    assert radiograph.notes == ("no window in the file: smallest to largest value",)


def test_monochrome1_is_inverted() -> None:
    tags = {"WindowCenter": 2000, "WindowWidth": 3000}
    straight, inverted = read(STORED, **tags), read(STORED, **tags, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(inverted.pixels, 255 - straight.pixels)
    assert inverted.notes[-1] == "MONOCHROME1 inverted"


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_outside_the_range(photometric: str) -> None:
    stored = SIGNED.copy()
    stored[:, :5] = -32_000
    pixels = read(stored, PixelPaddingValue=-32_000, PhotometricInterpretation=photometric).pixels
    assert not pixels[:, :5].any()
    expected = range_to_grey(SIGNED[:, 5:], SIGNED[:, 5:].min(), SIGNED[:, 5:].max())
    np.testing.assert_array_equal(pixels[:, 5:], expected if photometric == "MONOCHROME2" else 255 - expected)


def test_padding_range() -> None:
    stored = STORED.copy()
    stored[0, :3] = 60_000, 61_000, 62_000
    pixels = read(stored, PixelPaddingValue=60_000, PixelPaddingRangeLimit=62_000).pixels
    assert pixels[0, :3].tolist() == [0, 0, 0]
    assert pixels.max() == 255


def test_nothing_but_padding_is_shown_as_it_is() -> None:
    assert read(np.full((20, 20), 7, np.uint16), PixelPaddingValue=7).pixels.shape == (20, 20)


def test_rescale_comes_before_the_window() -> None:
    radiograph = read(STORED, RescaleSlope="2.5", RescaleIntercept="-1024", WindowCenter="40", WindowWidth="4000")
    np.testing.assert_array_equal(radiograph.pixels, Window(40, 4000).to_grey(STORED * 2.5 - 1024))


def test_the_first_of_several_windows_is_used() -> None:
    radiograph = read(STORED, WindowCenter=[900, 100], WindowWidth=[1000, 10])
    np.testing.assert_array_equal(radiograph.pixels, Window(900, 1000).to_grey(STORED))
    assert radiograph.notes == ("window of the file: the first of 2",)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_the_window_has_the_file_s_function(function: str) -> None:
    radiograph = read(STORED, WindowCenter=900, WindowWidth=1000, VOILUTFunction=function)
    np.testing.assert_array_equal(radiograph.pixels, Window(900, 1000, function).to_grey(STORED))


def test_window_asked_for_overrides_the_file() -> None:
    voi = lut(0, np.arange(4096), 12)
    radiograph = read(STORED, window=(500, 700), WindowCenter=900, WindowWidth=1000, VOILUTSequence=voi)
    np.testing.assert_array_equal(radiograph.pixels, Window(500, 700).to_grey(STORED))
    assert radiograph.notes == ("window as asked for",)


@pytest.mark.parametrize(
    "bad", [{"WindowWidth": 0}, {"WindowWidth": None}, {"WindowWidth": ""}, {"WindowCenter": None}]
)
def test_impossible_window_in_the_file_is_passed_over(bad: dict[str, Any]) -> None:
    assert read(STORED, **{"WindowCenter": 1, "WindowWidth": 9, **bad}).notes[0].startswith("no window in the file")


def test_ct_without_window_gets_the_bone_preset() -> None:
    tags = {"Modality": "CT", "RescaleSlope": 1, "RescaleIntercept": -1024}
    radiograph = read(STORED, **tags)
    np.testing.assert_array_equal(radiograph.pixels, Window(400, 1800).to_grey(STORED - 1024.0))
    assert radiograph.notes == ("CT bone window 400,1800: the file has none",)
    assert read(STORED, **tags, WindowCenter=1, WindowWidth=9).notes == ("window of the file",)
    assert read(STORED, Modality="CT").notes[0].startswith("no window")  # without rescale these are no HU


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_voi_lut_beats_the_window(bits: int) -> None:
    entries = ((np.arange(4096) ** 2) >> (24 - bits)).clip(max=2**bits - 1)
    radiograph = read(STORED, VOILUTSequence=lut(0, entries, bits), WindowCenter=1, WindowWidth=9)
    np.testing.assert_array_equal(radiograph.pixels, range_to_grey(entries[STORED], 0, 2**bits - 1))
    assert radiograph.notes == ("VOI LUT of the file",)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda uid: uid.name)
def test_lut_data_as_words_and_as_packed_bytes(syntax: str) -> None:
    entries = (np.arange(4096) // 16).astype(np.uint8)
    order = "<u2" if syntax == ExplicitVRLittleEndian else ">u2"
    words = lut(0, entries, 8, data=entries.astype(order).tobytes())
    packed = lut(0, entries, 8, data=entries.view("<u2").astype(order).tobytes())
    for sequence in (words, packed):
        np.testing.assert_array_equal(read(STORED, syntax=syntax, VOILUTSequence=sequence).pixels, entries[STORED])


def test_modality_lut_comes_first() -> None:
    entries = np.arange(4096)[::-1]
    radiograph = read(SIGNED, ModalityLUTSequence=lut(-2000, entries, 12), WindowCenter=2000, WindowWidth=3000)
    np.testing.assert_array_equal(radiograph.pixels, Window(2000, 3000).to_grey(entries[STORED]))


def test_short_lookup_table_is_an_error() -> None:
    table = lut(0, np.arange(4096), 12)
    table[0].LUTData = [1, 2, 3]
    with pytest.raises(ImageError, match=r"a\.dcm: damaged DICOM file"):
        read(STORED, VOILUTSequence=table)


def test_values_of_32_bits() -> None:
    stored = STORED.astype(np.uint32) * 100_000
    np.testing.assert_array_equal(read(stored).pixels, range_to_grey(stored, stored.min(), stored.max()))


def test_first_frame_of_several() -> None:
    frames = noise(3, 20, 30, high=4096)
    radiograph = read(frames, NumberOfFrames=3, WindowCenter=2000, WindowWidth=4000)
    np.testing.assert_array_equal(radiograph.pixels, Window(2000, 4000).to_grey(frames[0]))
    assert radiograph.notes[0] == "first of 3 frames"


def test_enhanced_multi_frame_facts_come_from_the_functional_groups() -> None:
    voi, rescale, measures, shared, first = (Dataset() for _ in range(5))
    voi.WindowCenter, voi.WindowWidth = 100, 900
    rescale.RescaleSlope, rescale.RescaleIntercept = 1, -1000
    measures.PixelSpacing = [0.3, 0.4]
    shared.PixelMeasuresSequence, shared.PixelValueTransformationSequence = [measures], [rescale]
    first.FrameVOILUTSequence = [voi]
    frames = noise(2, 20, 30, high=4096)
    groups = {"SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": [first, Dataset()]}
    radiograph = read(frames, NumberOfFrames=2, **groups)
    np.testing.assert_array_equal(radiograph.pixels, Window(100, 900).to_grey(frames[0] - 1000.0))
    assert radiograph.spacing_mm == (0.3, 0.4)


def test_colour_becomes_grey() -> None:
    rgb = noise(20, 30, 3)
    np.testing.assert_array_equal(read(rgb).pixels, to_grey(rgb))
    planar = np.ascontiguousarray(np.moveaxis(rgb, -1, 0))
    data = dataset(rgb, PlanarConfiguration=1)
    data.PixelData = planar.tobytes()
    np.testing.assert_array_equal(decode_radiograph(save(data), "a").pixels, to_grey(rgb))


@pytest.mark.parametrize(
    ("tags", "spacing"),
    [
        ({"PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [1, 1]}, (0.1, 0.2)),
        ({"ImagerPixelSpacing": [0.14, 0.15]}, (0.14, 0.15)),
        ({"PixelSpacing": [0, 0.2]}, None),
        ({}, None),
    ],
)
def test_spacing(tags: dict[str, Any], spacing: tuple[float, float] | None) -> None:
    assert read(STORED, **tags).spacing_mm == spacing


def test_modality_is_one_of_a_closed_list() -> None:
    assert read(STORED, Modality="DX").modality == "DX"
    assert read(STORED, Modality="SMITH").modality is None


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "examples_overlay.dcm"],
)
def test_real_files_agree_with_pydicom_s_own_chain(name: str) -> None:
    from pydicom import dcmread

    path = get_testdata_file(name, download=False)
    ds = dcmread(path)
    if "WindowCenter" not in ds:
        ds.WindowCenter, ds.WindowWidth = 400, 1800
    shown = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds)
    low, high = -(2.0**15), 2.0**15 - 1
    slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
    if ds.PixelRepresentation == 0:
        low, high = 0, 2.0**ds.BitsStored - 1
    low, high = low * slope + intercept, high * slope + intercept
    np.testing.assert_array_equal(read_radiograph(Path(path)).pixels, range_to_grey(shown, low, high))


@pytest.mark.parametrize("name", ["examples_palette.dcm", "SC_ybr_full_422_uncompressed.dcm"])
def test_palette_and_ybr_files_become_grey(name: str) -> None:
    from pydicom import dcmread
    from pydicom.pixels import apply_color_lut, pixel_array

    path = get_testdata_file(name, download=False)
    ds = dcmread(path)
    rgb = pixel_array(ds)
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        rgb = apply_color_lut(rgb, ds)
    np.testing.assert_array_equal(read_radiograph(Path(path)).pixels, to_grey(rgb))


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("MR_truncated.dcm", "truncated DICOM file: 8130 of 8192 bytes of pixel data"),
        ("rtplan.dcm", "without pixel data"),
        ("test-SR.dcm", "without pixel data"),
        ("waveform_ecg.dcm", "without pixel data"),
        ("JPEG2000-embedded-sequence-delimiter.dcm", "pixels with a frame of 3722445056×1024"),
        ("SC_rgb_rle_32bit.dcm", "pixel format that is not supported"),
    ],
)
def test_files_without_a_readable_picture(name: str, cause: str) -> None:
    path = get_testdata_file(name, download=False)
    with pytest.raises(ImageError, match=cause) as raised:
        read_radiograph(Path(path))
    assert raised.value.message.startswith(f"{path}: ")


def test_unknown_transfer_syntax() -> None:
    data = dicom(STORED).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0")
    with pytest.raises(ImageError, match=r"^a\.dcm: DICOM file with an unknown transfer syntax") as raised:
        decode_radiograph(data, "a.dcm")
    assert "uncompressed" in raised.value.hint


@pytest.mark.parametrize("missing", ["Rows", "Columns", "PixelData"])
def test_missing_elements(missing: str) -> None:
    ds = dataset(STORED)
    delattr(ds, missing)
    with pytest.raises(ImageError, match="without"):
        decode_radiograph(save(ds), "a.dcm")


def test_pixel_data_of_the_wrong_length() -> None:
    with pytest.raises(ImageError, match="1440 of 1488 bytes"):
        read(STORED, PixelData=STORED.tobytes()[:-48])


def test_deflated_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dicom(np.zeros((2000, 2000), np.uint16), syntax=DeflatedExplicitVRLittleEndian)
    assert len(data) < 20_000
    monkeypatch.setattr(reader, "MAX_BYTES", 4 << 20)
    monkeypatch.setattr(zlib, "decompress", None)
    with pytest.raises(ImageError, match="inflates to more than 4 MiB"):
        decode_radiograph(data, "a.dcm")


def test_deflated_bomb_is_found_behind_a_long_file_meta_group(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = dicom(np.zeros((2000, 2000), np.uint16), syntax=DeflatedExplicitVRLittleEndian)
    data = plain[:132] + struct.pack("<HH2sH", 2, 3, b"UI", 8000) + bytes(8000) + plain[132:]
    assert data.index(DeflatedExplicitVRLittleEndian.encode()) > 4096
    monkeypatch.setattr(reader, "MAX_BYTES", 4 << 20)
    monkeypatch.setattr(zlib, "decompress", None)
    with pytest.raises(ImageError, match="inflates to more than 4 MiB"):
        decode_radiograph(data, "a.dcm")
    assert identity_of_file(data) is None


def test_a_sequence_in_the_file_meta_group_is_not_parsed() -> None:
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 2000
    plain = dicom(STORED)
    data = plain[:132] + struct.pack("<HH2s2xI", 2, 0x0102, b"SQ", len(items)) + items + plain[132:]
    with pytest.raises(ImageError, match=r"^a\.dcm: damaged DICOM file: a sequence in its file meta group$"):
        decode_radiograph(data, "a.dcm")
    assert identity_of_file(data) is None


def test_another_element_may_name_the_deflated_syntax() -> None:
    data = dicom(STORED, PatientComments=f"v{DeflatedExplicitVRLittleEndian}")
    assert decode_radiograph(data, "a.dcm").pixels.shape == STORED.shape
    assert identity_of_file(data)


def test_damaged_files_never_raise_anything_else() -> None:
    original = dicom(STORED, WindowCenter=900, WindowWidth=1000, VOILUTSequence=lut(0, np.arange(4096), 12))
    random = np.random.default_rng(2)
    head = len(original) - STORED.nbytes
    for attempt in range(300):
        data = bytearray(original[: random.integers(140, head)] if attempt % 3 == 0 else original)
        for position in random.integers(132, min(head, len(data)), 3):
            data[position] = random.integers(256)
        try:
            assert decode_radiograph(bytes(data), "a").pixels.dtype == np.uint8
        except ImageError as error:
            assert str(error).startswith("a: ")


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colour", ["palette", "RGB"])
def test_big_endian_colour_is_the_same_colour(colour: str, bits: int) -> None:
    stored = noise(20, 30) if colour == "palette" else noise(20, 30, 3, high=1 << bits)
    found = []
    for syntax, order in ((ExplicitVRLittleEndian, "<u2"), (ExplicitVRBigEndian, ">u2")):
        ds = dataset(stored, syntax=syntax)
        if colour == "palette":
            ds.PhotometricInterpretation = "PALETTE COLOR"
            for seed, name in enumerate(("Red", "Green", "Blue")):
                entries = noise(256, high=1 << bits, seed=seed)
                words = entries if bits == 16 else entries.view("<u2")
                setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
                setattr(ds, f"{name}PaletteColorLookupTableData", words.astype(order).tobytes())
        found.append(decode_radiograph(save(ds), "a.dcm"))
    assert found[0].sha256 == found[1].sha256
    assert found[0].pixels.std() > 20
