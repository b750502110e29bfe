"""TIFF: depths, colour, pages, both byte orders, turned images; and damaged TIFF, WebP and BMP files."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from edgefrac.errors import ImageError
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.read import decode_radiograph
from tests.imaging.files import dicom, encode, noise

GREY, DEEP = noise(40, 30), noise(40, 30, high=4096)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff(samples: np.ndarray, photometric: int, *, order: str = "<", kind: int = UNSIGNED) -> bytes:
    """Uncompressed samples [H, W] or [H, W, C] as a TIFF of one strip: also those kinds that Pillow does not write."""
    rows = samples.reshape(*samples.shape[:2], -1)
    height, width, channels = rows.shape
    bits = samples.dtype.itemsize * 8
    data = rows.astype(rows.dtype.newbyteorder(order)).tobytes()
    fields = [
        *((256, [width]), (257, [height]), (258, [bits] * channels), (259, [1]), (262, [photometric]), (273, [8])),
        *((277, [channels]), (278, [height]), (279, [len(data)]), (339, [kind] * channels)),
    ]
    start = 8 + len(data)
    long_values, entries = b"", b""
    for tag, values in fields:
        raw = b"".join(struct.pack(f"{order}H", value) for value in values)
        if len(raw) > 4:
            offset = start + 2 + 12 * len(fields) + 4 + len(long_values)
            long_values += raw
            raw = struct.pack(f"{order}I", offset)
        entries += struct.pack(f"{order}HHI", tag, 3, len(values)) + raw.ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", start)
    return head + data + struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + long_values


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("samples", [GREY, DEEP, DEEP << 4], ids=["8", "12 in 16", "16"])
def test_grey_of_both_depths_and_byte_orders(samples: np.ndarray, order: str) -> None:
    radiograph = decode_radiograph(tiff(samples, BLACK_IS_ZERO, order=order), "a.tif")
    np.testing.assert_array_equal(radiograph.pixels, to_grey(samples))
    assert (radiograph.source_format, radiograph.notes) == ("TIFF", ())


@pytest.mark.parametrize("samples", [GREY, noise(40, 30, high=65_536)], ids=["8", "16"])
def test_white_is_zero_is_inverted(samples: np.ndarray) -> None:
    full = np.iinfo(samples.dtype).max
    pixels = decode_radiograph(tiff(samples, WHITE_IS_ZERO), "a.tif").pixels
    np.testing.assert_array_equal(pixels, to_grey(full - samples))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("samples", [GREY, DEEP], ids=["8", "16"])
def test_lossless_compressions(compression: str, samples: np.ndarray) -> None:
    data = encode(Image.fromarray(samples), "TIFF", compression=compression)
    np.testing.assert_array_equal(decode_radiograph(data, "a.tif").pixels, to_grey(samples))


@pytest.mark.parametrize("compression", ["raw", "group3", "group4"])
def test_one_bit(compression: str) -> None:
    data = encode(Image.fromarray(GREY > 99), "TIFF", compression=compression)
    np.testing.assert_array_equal(decode_radiograph(data, "a.tif").pixels, (GREY > 99) * np.uint8(255))


@pytest.mark.parametrize("mode", ["RGB", "P", "CMYK"])
def test_colour(mode: str) -> None:
    image = Image.fromarray(noise(40, 30, 3)).convert(mode)
    expected = to_grey(np.asarray(image.convert("RGB")))
    np.testing.assert_array_equal(decode_radiograph(encode(image, "TIFF"), "a.tif").pixels, expected)


def test_colour_of_16_bits_is_read_at_8_and_says_so() -> None:
    samples = noise(40, 30, 3, high=65_536)
    radiograph = decode_radiograph(tiff(samples, RGB), "a.tif")
    np.testing.assert_array_equal(radiograph.pixels, to_grey((samples >> 8).astype(np.uint8)))
    assert radiograph.notes == ("colour of 16 bits read at 8",)


def test_the_first_of_several_pages() -> None:
    pages = [Image.fromarray(noise(40, 30, seed=seed)) for seed in range(3)]
    radiograph = decode_radiograph(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "a.tif")
    np.testing.assert_array_equal(radiograph.pixels, pages[0])
    assert radiograph.notes == ("first of 3 pages",)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("samples", [GREY, DEEP], ids=["8", "16"])
def test_orientation_is_applied_once(orientation: int, samples: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(samples), "TIFF", exif=exif)
    radiograph = decode_radiograph(data, "a.tif")
    plain = Image.fromarray(to_grey(samples))
    plain.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(radiograph.pixels, np.asarray(ImageOps.exif_transpose(plain)))
    assert radiograph.notes == (() if orientation == 1 else (f"EXIF orientation {orientation} applied",))


@pytest.mark.parametrize(
    "data",
    [
        tiff(DEEP.view(np.int16), BLACK_IS_ZERO, kind=SIGNED),
        encode(Image.fromarray(GREY.astype(np.float32)), "TIFF"),
        encode(Image.fromarray(GREY.astype(np.int32)), "TIFF"),
    ],
    ids=["signed", "float", "32 bits"],
)
def test_samples_without_a_rule_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^a\.tif: TIFF file with samples of kind \w, which are not") as raised:
        decode_radiograph(data, "a.tif")
    assert "8 or 16 bits" in raised.value.hint


def test_a_dicom_file_with_a_tiff_header_in_its_preamble_is_dicom() -> None:
    data = dicom(noise(20, 20))
    both = b"II*\0\x10\0\0\0" + data[8:]
    assert decode_radiograph(both, "a").source_format == "DICOM"


SOUND = {
    "TIFF": encode(Image.fromarray(GREY), "TIFF"),
    "TIFF, LZW": encode(Image.fromarray(DEEP), "TIFF", compression="tiff_lzw"),
    "TIFF, JPEG": encode(Image.fromarray(GREY), "TIFF", compression="jpeg"),
    "TIFF, fax": encode(Image.fromarray(GREY > 99), "TIFF", compression="group4"),
    "WebP": encode(Image.fromarray(GREY).convert("RGB"), "WEBP", quality=80),
    "WebP, lossless": encode(Image.fromarray(GREY).convert("RGB"), "WEBP", lossless=True),
    "BMP": encode(Image.fromarray(GREY), "BMP"),
    "BMP, colour": encode(Image.fromarray(GREY).convert("RGB"), "BMP"),
}


@pytest.mark.parametrize("kind", SOUND)
@pytest.mark.parametrize("share", [0.03, 0.3, 0.7, 0.97])
def test_truncated_files_are_refused_in_one_line(kind: str, share: float, capfd: pytest.CaptureFixture[str]) -> None:
    data, name = SOUND[kind], kind.split(",")[0].upper()
    assert decode_radiograph(data, "a").pixels.shape == GREY.shape
    with pytest.raises(ImageError, match=rf"^a: (damaged or truncated {name}|not an image)") as raised:
        decode_radiograph(data[: int(len(data) * share)], "a")
    assert "\n" not in raised.value.message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", SOUND)
def test_corrupt_files_never_raise_anything_else(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(3)
    for _ in range(80):
        data = bytearray(SOUND[kind])
        for position in random.integers(4, len(data), 4):
            data[position] = random.integers(256)
        try:
            assert decode_radiograph(bytes(data), "a").pixels.dtype == np.uint8
        except ImageError as error:
            assert str(error).startswith("a: ") and "\n" not in str(error)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("shape", [(16, 16), (16, 1999), (1999, 17), (17, 33)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP", "DICOM"])
def test_odd_shapes(kind: str, shape: tuple[int, int]) -> None:
    samples = noise(*shape)
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image.fromarray(samples)
    data = (
        dicom(samples)
        if kind == "DICOM"
        else encode(image if kind != "WEBP" else image.convert("RGB"), kind, **options)
    )
    radiograph = decode_radiograph(data, "a")
    assert (radiograph.height, radiograph.width) == shape
    assert np.abs(radiograph.pixels.astype(int) - samples).max() <= 1


def test_a_tiff_that_claims_to_be_huge_is_not_decoded() -> None:
    data = tiff(GREY, BLACK_IS_ZERO)
    with pytest.raises(ImageError, match="too many"):
        decode_radiograph(
            data.replace(struct.pack("<HHIHH", 256, 3, 1, 30, 0), struct.pack("<HHII", 256, 4, 1, 9**9)), "a"
        )


def test_pages_without_end() -> None:
    data = bytearray(tiff(GREY, BLACK_IS_ZERO))
    directory = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[directory : directory + 2])[0]
    link = directory + 2 + 12 * count
    data[link : link + 4] = struct.pack("<I", directory)  # the next page is this page
    assert decode_radiograph(bytes(data), "a").pixels.shape == GREY.shape
    assert Image.open(io.BytesIO(bytes(data))).format == "TIFF"
