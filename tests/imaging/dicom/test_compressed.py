"""Every compressed transfer syntax that is read, encoded here and compared with the same values uncompressed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from edgefrac.errors import ImageError, MissingDecoderError
from edgefrac.imaging.dicom.pixels import stored_values
from edgefrac.imaging.read import decode_radiograph
from tests.imaging.files import dataset, encapsulated, encode, noise, save

imagecodecs = pytest.importorskip("imagecodecs")
pytest.importorskip("jpeg_ls")
pytest.importorskip("openjpeg")

ROWS, COLUMNS = 33, 46  # no multiple of a block's size, and one of them odd
SMOOTH = np.add.outer(np.arange(ROWS) * 60, np.arange(COLUMNS) * 40).astype(np.uint16)  # below 4096
TWELVE = {"BitsStored": 12, "HighBit": 11}
KINDS: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "8 bit": (noise(ROWS, COLUMNS), {}),
    "10 bit": (noise(ROWS, COLUMNS, high=1024), {"BitsStored": 10, "HighBit": 9}),
    "12 bit": (noise(ROWS, COLUMNS, high=4096), TWELVE),
    "16 bit": (noise(ROWS, COLUMNS, high=65_536), {}),
    "signed 16 bit": (noise(ROWS, COLUMNS, high=65_536).view(np.int16), {}),
    "signed 12 bit": (noise(ROWS, COLUMNS, high=4096).astype(np.int16) - 2048, TWELVE),
    "RGB": (noise(ROWS, COLUMNS, 3), {}),
}


def lossless_jpeg(predictor: int) -> Callable[[Dataset, np.ndarray], bytes]:
    def encode_frame(ds: Dataset, stored: np.ndarray) -> bytes:
        samples = stored.view(f"u{stored.dtype.itemsize}") & ((1 << ds.BitsStored) - 1)
        samples = samples.astype(stored.dtype.str.replace("i", "u"))
        colour = "RGB" if stored.ndim == 3 else "GRAYSCALE"
        return imagecodecs.jpeg8_encode(
            samples,
            lossless=True,
            predictor=predictor,
            bitspersample=ds.BitsStored,
            colorspace=colour,
            outcolorspace=colour,
        )

    return encode_frame


LOSSLESS: dict[str, tuple[str, Callable[[Dataset, np.ndarray], bytes] | None]] = {
    "RLE": (RLELossless, None),
    "JPEG-LS": (JPEGLSLossless, None),
    "JPEG 2000": (JPEG2000Lossless, None),
    "JPEG lossless, predictor 1": (JPEGLosslessSV1, lossless_jpeg(1)),
    "JPEG lossless, predictor 6": (JPEGLossless, lossless_jpeg(6)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("codec", LOSSLESS)
def test_lossless_codecs_give_the_stored_values(codec: str, kind: str) -> None:
    syntax, encode_frame = LOSSLESS[codec]
    stored, tags = KINDS[kind]
    plain, packed = (dataset(stored, **tags) for _ in range(2))
    if encode_frame is None:
        packed.compress(syntax, generate_instance_uid=False)
    else:
        encapsulated(packed, syntax, [encode_frame(packed, stored)])
    assert len(packed.PixelData) != stored.nbytes
    np.testing.assert_array_equal(stored_values(packed, "a", 0)[0], stored)
    one, other = (decode_radiograph(save(ds), "a.dcm") for ds in (plain, packed))
    assert one.sha256 == other.sha256
    assert one.pixels.max() > 200


def near_lossless(ds: Dataset) -> Dataset:
    ds.compress(JPEGLSNearLossless, jls_error=2, generate_instance_uid=False)
    return ds


def jpeg_2000(ds: Dataset) -> Dataset:
    ds.compress(JPEG2000, j2k_cr=[4], generate_instance_uid=False)
    return ds


def extended(ds: Dataset) -> Dataset:
    frame = imagecodecs.jpeg8_encode(SMOOTH, level=98, bitspersample=12)
    return encapsulated(ds, JPEGExtended12Bit, [frame])


@pytest.mark.parametrize("compress", [near_lossless, jpeg_2000, extended], ids=lambda function: function.__name__)
def test_lossy_codecs_of_12_bits_come_close(compress: Callable[[Dataset], Dataset]) -> None:
    tags = {**TWELVE, "WindowCenter": 2048, "WindowWidth": 4096}
    expected = decode_radiograph(save(dataset(SMOOTH, **tags)), "a").pixels
    found = decode_radiograph(save(compress(dataset(SMOOTH, **tags))), "a").pixels
    assert np.abs(expected.astype(int) - found).max() <= 1


@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, JPEGExtended12Bit], ids=lambda uid: uid.name)
@pytest.mark.parametrize("colour", [False, True])
def test_jpeg_of_8_bits(syntax: str, colour: bool) -> None:
    grey = (SMOOTH >> 4).astype(np.uint8)
    stored = np.stack([grey] * 3, axis=-1) if colour else grey
    ds = dataset(stored, WindowCenter=128, WindowWidth=256)
    if colour:
        ds.PhotometricInterpretation = "YBR_FULL_422"
    encapsulated(ds, syntax, [encode(Image.fromarray(stored), "JPEG", quality=98)])
    assert np.abs(decode_radiograph(save(ds), "a").pixels.astype(int) - grey).max() <= 3


def test_frames_of_a_compressed_file() -> None:
    frames = noise(3, ROWS, COLUMNS, high=4096)
    ds = dataset(frames, NumberOfFrames=3, **TWELVE)
    ds.compress(RLELossless, generate_instance_uid=False)
    for index in range(3):
        np.testing.assert_array_equal(stored_values(ds, "a", index)[0], frames[index])


@pytest.mark.parametrize("codec", LOSSLESS)
def test_damaged_streams_never_raise_anything_else(codec: str) -> None:
    syntax, encode_frame = LOSSLESS[codec]
    stored, tags = KINDS["12 bit"]
    ds = dataset(stored, **tags)
    if encode_frame is None:
        ds.compress(syntax, generate_instance_uid=False)
    else:
        encapsulated(ds, syntax, [encode_frame(ds, stored)])
    whole = save(ds)
    begin = len(whole) - len(ds.PixelData)
    random = np.random.default_rng(4)
    for attempt in range(40):
        data = bytearray(whole[: random.integers(begin, len(whole))] if attempt % 4 == 0 else whole)
        for position in random.integers(begin, len(data), 3):
            data[position] = random.integers(256)
        try:
            assert decode_radiograph(bytes(data), "a").pixels.shape == stored.shape
        except ImageError as error:
            assert str(error).startswith("a: ") and "\n" not in str(error)


@pytest.mark.parametrize(
    ("missing", "kind", "compress"),
    [
        ("imagecodecs", "12 bit", extended),
        ("imagecodecs", "12 bit", lambda ds: encapsulated(ds, JPEGLosslessSV1, [b"\xff\xd8"])),
        ("jpeg_ls", "12 bit", near_lossless),
    ],
    ids=["JPEG extended", "JPEG lossless", "JPEG-LS"],
)
def test_a_missing_decoder_is_named_with_what_to_install(
    missing: str, kind: str, compress: Callable[[Dataset], Dataset], tmp_path: Path, tiny_tflite: Path
) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(save(compress(dataset(SMOOTH, **KINDS[kind][1]))))
    # a module that is None cannot be imported, as if it weren't installed, in the process that decodes too
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{missing!r}] = None")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parents[3]}"}
    command = [sys.executable, "-m", "edgefrac", "predict", str(path), "--model", str(tiny_tflite)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith(f"error: {path}: no decoder is installed for its DICOM compression, JPEG")
    assert "pip install 'edgefrac[dicom]'" in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_pillow_alone_decodes_grey_jpeg_2000_but_no_deep_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.pixels.decoders.base import JPEG2000LosslessDecoder as Decoder

    deep = dataset(noise(ROWS, COLUMNS, 3, high=65_536))
    grey = dataset(KINDS["12 bit"][0], **TWELVE)
    for ds in (deep, grey):
        ds.compress(JPEG2000Lossless, generate_instance_uid=False)
    monkeypatch.setattr(Decoder, "_available", {"pillow": Decoder._available["pillow"]})
    np.testing.assert_array_equal(stored_values(grey, "a", 0)[0], KINDS["12 bit"][0])
    with pytest.raises(MissingDecoderError, match=r"pip install 'edgefrac\[dicom\]'"):
        decode_radiograph(save(deep), "a.dcm")
