"""Our 8-bit raster against DCMTK's ``dcm2pnm`` with the same window: pydicom's test files, and files made here."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from edgefrac.errors import ImageError
from edgefrac.imaging import limits
from edgefrac.imaging.read import read_radiograph
from tests.imaging import dcmtk
from tests.imaging.files import dataset, dicom, noise, save

pytestmark = pytest.mark.skipif(not dcmtk.is_installed(), reason="DCMTK is not installed: apt-get install dcmtk")

STORED = noise(40, 50, high=4096, seed=8)
TWELVE = {"BitsStored": 12, "HighBit": 11}


@pytest.mark.parametrize("path", dcmtk.samples(), ids=lambda path: str(path.relative_to(dcmtk.SAMPLES)))
def test_a_sample_of_pydicom_s(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MIN_SIDE", 1)  # some are tiny
    try:
        radiograph = read_radiograph(path)
    except ImageError as error:
        assert error.message.startswith(f"{path}: ") and "\n" not in error.message
        return
    if path.name in dcmtk.OTHER_ORDER:
        path = path.with_name(path.name.replace("_expb", ""))  # the same picture in little-endian order
    assert dcmtk.difference(path, radiograph, *dcmtk.same_window(radiograph)) <= 1


def table(first: int, entries: np.ndarray, bits: int) -> Sequence:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(entries), first, bits])
    item.add_new("LUTData", "US", entries.tolist())
    item.ModalityLUTType = "US"
    return Sequence([item])


def palette(bits: int) -> dict[str, Any]:
    tags: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for seed, colour in enumerate(("Red", "Green", "Blue")):
        entries = noise(256, high=1 << bits, seed=seed).astype(np.uint16)
        if bits == 16:
            entries = entries // 2  # a dark one
        words = entries.astype("<u2") if bits == 16 else entries.astype(np.uint8)
        tags[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        tags[f"{colour}PaletteColorLookupTableData"] = words.tobytes()
    return tags


SIGNED = STORED.astype(np.int16) - 2048
CURVE = ((np.arange(4096) ** 2) >> 12).astype(np.uint16)
CASES: dict[str, tuple[np.ndarray, dict[str, Any], tuple[str, ...]]] = {
    "window": (STORED, {"WindowCenter": 1800, "WindowWidth": 2000}, ("+Wi", "1")),
    "narrow window": (STORED, {"WindowCenter": 2000, "WindowWidth": 3}, ("+Wi", "1")),
    "sigmoid": (STORED, {"WindowCenter": 1800, "WindowWidth": 900, "VOILUTFunction": "SIGMOID"}, ("+Wfs", "+Wi", "1")),
    "several windows": (STORED, {"WindowCenter": [900, 50], "WindowWidth": [1500, 10]}, ("+Wi", "1")),
    "no window": (STORED, {}, ("+Wm",)),
    "MONOCHROME1": (STORED, {"PhotometricInterpretation": "MONOCHROME1"}, ("+Wm",)),
    "10 bits": (STORED >> 2, {"BitsStored": 10, "HighBit": 9, "WindowCenter": 500, "WindowWidth": 900}, ("+Wi", "1")),
    "12 bits at the top": (STORED << 4, {"BitsStored": 12, "HighBit": 15}, ("+Wm",)),
    "overlay above": (STORED | 0x8000, TWELVE, ("+Wm",)),
    "signed": (SIGNED, {"WindowCenter": -200, "WindowWidth": 1500}, ("+Wi", "1")),
    "signed, 12 bits": (SIGNED & 0xFFF, {**TWELVE, "PixelRepresentation": 1}, ("+Wm",)),
    "negative slope": (
        STORED,
        {**TWELVE, "RescaleSlope": -1.5, "RescaleIntercept": 4000, "WindowCenter": 1000, "WindowWidth": 5000},
        ("+Wi", "1"),
    ),
    "fractional slope": (
        STORED,
        {**TWELVE, "RescaleSlope": 0.37, "RescaleIntercept": -50.5, "WindowCenter": 600, "WindowWidth": 700},
        ("+Wi", "1"),
    ),
    "modality LUT": (
        STORED,
        {**TWELVE, "ModalityLUTSequence": table(0, 4095 - CURVE, 12), "WindowCenter": 2000, "WindowWidth": 3000},
        ("+Wi", "1"),
    ),
    "VOI LUT": (STORED, {**TWELVE, "VOILUTSequence": table(0, CURVE, 12)}, ("+Wl", "1")),
    "VOI LUT that begins late": (STORED, {**TWELVE, "VOILUTSequence": table(900, CURVE[2000:], 12)}, ("+Wl", "1")),
    "RGB": (noise(40, 50, 3), {}, ()),
    "RGB of 16 bits": (noise(40, 50, 3, high=20_000), {}, ()),
    "RGB of 12 bits": (noise(40, 50, 3, high=2_000), TWELVE, ()),
    "palette of 8 bits": (noise(40, 50), palette(8), ()),
    "palette of 16 bits": (noise(40, 50), palette(16), ()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_chain_from_stored_values_to_grey(case: str, tmp_path: Path) -> None:
    stored, tags, options = CASES[case]
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(stored, **tags))
    radiograph = read_radiograph(path)
    assert dcmtk.difference(path, radiograph, *options) <= 1
    assert radiograph.pixels.max() > 70


# what DCMTK's own encoders make of a file: its options, and whether a grey or a colour file of how many bits
ENCODERS: dict[str, tuple[str, list[str], int]] = {
    "RLE": ("dcmcrle", [], 12),
    "deflated": ("dcmconv", ["+td"], 12),
    "big endian": ("dcmconv", ["+tb"], 12),
    "JPEG baseline": ("dcmcjpeg", ["+eb"], 8),
    "JPEG extended": ("dcmcjpeg", ["+ee"], 12),
    "JPEG lossless": ("dcmcjpeg", ["+el"], 12),
    "JPEG lossless, selection 6": ("dcmcjpeg", ["+el", "+sv", "6"], 12),
    "JPEG lossless, first order": ("dcmcjpeg", ["+e1"], 16),
    "JPEG-LS": ("dcmcjpls", ["+el"], 16),
    "JPEG-LS near-lossless": ("dcmcjpls", ["+en", "+md", "2"], 12),
}


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_dcmtk_encodes_we_decode(encoder: str, colour: bool, tmp_path: Path) -> None:
    tool, options, bits = ENCODERS[encoder]
    smooth = (np.add.outer(np.arange(40) * 60, np.arange(50) * 40) + STORED // 16).astype(np.uint16)
    stored = smooth if bits == 12 else smooth * np.uint16(15) if bits == 16 else (smooth >> 5).astype(np.uint8)
    tags: dict[str, Any] = TWELVE if bits == 12 else {}
    if colour:
        eight = (smooth >> 5).astype(np.uint8)
        stored, tags = np.stack([eight, eight // 2, 255 - eight], axis=-1), {}
    plain, packed = tmp_path / "plain.dcm", tmp_path / "packed.dcm"
    ds = dataset(stored, **tags)
    ds.PatientName = ds.PatientID = ds.StudyInstanceUID = ds.SeriesInstanceUID = ""
    plain.write_bytes(save(ds))
    done = subprocess.run([tool, *options, plain, packed], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"DCMTK does not encode this: {done.stderr.splitlines()[-1]}")
    radiograph = read_radiograph(packed)
    assert dcmtk.difference(packed, radiograph, *([] if colour else ["+Wm"])) <= 1
