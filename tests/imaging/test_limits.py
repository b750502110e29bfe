"""What is refused before it is unpacked, and what is not although it is large or empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from edgefrac.errors import ImageError
from edgefrac.imaging.dicom.codestream import stated_size
from edgefrac.imaging.read import decode_radiograph
from edgefrac.imaging.stack import read_stack
from tests.imaging.files import dataset, dicom, encapsulated, encode, noise, save

TWELVE = {"BitsStored": 12, "HighBit": 11}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_a_large_empty_image_is_a_bomb(kind: str) -> None:
    options = {"TIFF": {"compression": "tiff_adobe_deflate"}, "WEBP": {"lossless": True, "method": 0}}.get(kind, {})
    data = encode(Image.new("RGB", (4000, 3000)), kind, **options)
    with pytest.raises(ImageError, match=f"a: {len(data)} bytes that would unpack to 34 MiB"):
        decode_radiograph(data, "a")


def test_a_small_empty_image_is_read() -> None:
    assert decode_radiograph(encode(Image.new("L", (4000, 3000)), "PNG"), "a").pixels.max() == 0


def test_a_large_image_with_something_on_it_is_read() -> None:
    smooth = np.add.outer(np.arange(6000), np.arange(6000)) // 48
    speckled = (smooth + noise(6000, 6000, high=4)).astype(np.uint8)
    assert decode_radiograph(encode(Image.fromarray(speckled), "PNG", compress_level=1), "a").pixels.shape == (
        6000,
        6000,
    )


def test_a_compressed_frame_of_another_size_never_reaches_a_decoder() -> None:
    pytest.importorskip("openjpeg")
    ds = dataset(noise(36, 40, high=4096), **TWELVE)
    ds.compress(JPEG2000Lossless, generate_instance_uid=False)
    ds.Rows, ds.Columns = 40, 36
    with pytest.raises(ImageError, match="a: DICOM file of 36×40 pixels with a frame of 40×36"):
        decode_radiograph(save(ds), "a")


def test_a_jpeg_ls_frame_without_end_never_reaches_a_decoder() -> None:
    pytest.importorskip("jpeg_ls")
    ds = dataset(noise(36, 40, high=4096), **TWELVE)
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    frame = ds.PixelData[16:]
    cut = encapsulated(dataset(noise(36, 40, high=4096), **TWELVE), JPEGLSLossless, [frame[:700]])
    with pytest.raises(ImageError, match="a: truncated DICOM file: its compressed frame has no end"):
        decode_radiograph(save(cut), "a")


def test_sizes_that_frames_state() -> None:
    pytest.importorskip("openjpeg")
    grey = noise(36, 40)
    assert stated_size(encode(Image.fromarray(grey), "JPEG", progressive=True)) == (40, 36)
    assert stated_size(encode(Image.fromarray(grey), "JPEG2000")) == (40, 36)
    assert stated_size(encode(Image.fromarray(grey), "JPEG2000", no_jp2=True)) == (40, 36)
    assert stated_size(encode(Image.fromarray(grey), "PNG")) is None
    assert stated_size(b"\xff\xd8\xff\xda\0\0") is None


def test_a_wide_frame_is_a_bomb_by_its_data_set_alone() -> None:
    ds = encapsulated(dataset(noise(20, 20)), RLELossless, [b"\1\0\0\0" * 16 + b"\x81\0" * 200])
    ds.Rows = ds.Columns = 8000
    with pytest.raises(ImageError, match="would unpack to 61 MiB"):
        decode_radiograph(save(ds), "a")


def test_more_frames_than_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom(noise(1, 20, 20), NumberOfFrames="99999999999"))
    with pytest.raises(ImageError, match="DICOM file of 99999999999 frames in 400 bytes"):
        read_stack(path)


def test_jpegs_of_a_data_set_that_agrees_are_read() -> None:
    grey = np.full((36, 40), 90, np.uint8)
    ds = encapsulated(
        dataset(grey, WindowCenter=128, WindowWidth=256), JPEGBaseline8Bit, [encode(Image.fromarray(grey), "JPEG")]
    )
    assert abs(int(decode_radiograph(save(ds), "a").pixels[5, 5]) - 90) <= 3
