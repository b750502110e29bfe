"""PNG, JPEG, BMP and WebP: every kind of sample, orientation, truncation."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from edgefrac.errors import ImageError
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.raster import as_stored, stored_samples, upright
from edgefrac.imaging.read import decode_radiograph, read_radiograph
from tests.imaging.files import encode, noise, png

GREY = noise(40, 30)
SMOOTH = np.add.outer(np.arange(64) * 2, np.arange(48)).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("high", [256, 4096, 65_536])
def test_png_of_every_depth_and_colour(channels: int, high: int) -> None:
    samples = noise(33, 21, channels, high=high)
    radiograph = decode_radiograph(png(samples), "a.png")
    np.testing.assert_array_equal(radiograph.pixels, to_grey(samples))
    assert (radiograph.source_format, radiograph.notes, radiograph.modality) == ("PNG", (), None)


def test_interlaced_16_bit_png() -> None:
    # 20×20 samples of 16-bit RGB, Adam7, made row by row as each pass takes them
    samples = noise(20, 20, 3, high=65_536)
    plain = png(samples)
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    raw = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, right in passes
        for row in samples[top::down, left::right].astype(">u2")
    )
    assert decode_radiograph(_interlaced(plain, raw), "a.png").sha256 == decode_radiograph(plain, "b.png").sha256


def _interlaced(plain: bytes, raw: bytes) -> bytes:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = plain[16:28] + b"\1"
    return plain[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def test_one_bit_png_is_black_and_white() -> None:
    radiograph = decode_radiograph(encode(Image.fromarray(GREY > 99), "PNG"), "a.png")
    np.testing.assert_array_equal(radiograph.pixels, (GREY > 99) * np.uint8(255))


def test_palette_png() -> None:
    palette = noise(256, 3, seed=5)
    image = Image.fromarray(GREY, "P")
    image.putpalette(palette.tobytes())
    np.testing.assert_array_equal(decode_radiograph(encode(image, "PNG"), "a").pixels, to_grey(palette[GREY]))


def test_palette_png_with_a_transparent_colour() -> None:
    image = Image.fromarray(GREY, "P")
    image.putpalette(bytes([255]) * 768)
    pixels = decode_radiograph(encode(image, "PNG", transparency=int(GREY[0, 0])), "a").pixels
    np.testing.assert_array_equal(pixels, np.where(GREY[0, 0] == GREY, 0, 255))


def test_grey_and_colour_jpeg() -> None:
    grey = decode_radiograph(encode(Image.fromarray(SMOOTH), "JPEG", quality=95), "a.jpg")
    colour = decode_radiograph(encode(Image.fromarray(SMOOTH).convert("RGB"), "JPEG", quality=95), "a.jpg")
    for radiograph in (grey, colour):
        assert radiograph.source_format == "JPEG"
        assert _difference(radiograph.pixels, SMOOTH) < 3


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_jpeg_is_not_inverted(adobe: bool) -> None:
    rgb = Image.fromarray(np.stack([SMOOTH] * 3, axis=-1))
    data = encode(rgb.convert("CMYK"), "JPEG", quality=95)
    if not adobe:  # the same inks, not inverted, and without the marker that says Adobe stored them inverted
        inverted = Image.fromarray(255 - np.asarray(rgb.convert("CMYK")), "CMYK")
        data = _without_app14(encode(inverted, "JPEG", quality=95))
    assert (b"Adobe" in data) == adobe
    assert _difference(decode_radiograph(data, "a.jpg").pixels, SMOOTH) < 3


def _without_app14(data: bytes) -> bytes:
    start = data.index(b"\xff\xee")
    return data[:start] + data[start + 2 + int.from_bytes(data[start + 2 : start + 4]) :]


def _difference(one: np.ndarray, other: np.ndarray) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("kind", ["BMP", "WEBP"])
def test_other_formats(kind: str) -> None:
    data = encode(Image.fromarray(GREY).convert("RGB"), kind, **({"lossless": True} if kind == "WEBP" else {}))
    radiograph = decode_radiograph(data, "a")
    np.testing.assert_array_equal(radiograph.pixels, GREY)
    assert radiograph.source_format == kind


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(Image.fromarray(SMOOTH), kind, exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    radiograph = decode_radiograph(data, "a")
    np.testing.assert_array_equal(radiograph.pixels, expected)
    assert radiograph.notes == (() if orientation == 1 else (f"EXIF orientation {orientation} applied",))


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.fromarray(noise(20, 20, seed=seed)) for seed in range(3)]
    radiograph = decode_radiograph(encode(frames[0], "PNG", save_all=True, append_images=frames[1:]), "a.png")
    np.testing.assert_array_equal(radiograph.pixels, frames[0])
    assert radiograph.notes == ("first of 3 frames",)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "RGB"}])
def test_truncated_jpeg_is_accepted_with_a_note(options: dict[str, Any]) -> None:
    image = Image.fromarray(noise(160, 120)).convert(options.pop("mode", "L"))
    data = encode(image, "JPEG", quality=80, **options)
    whole = decode_radiograph(data, "a.jpg")
    cut = decode_radiograph(data[: len(data) * 7 // 10], "a.jpg")
    missing = int(cut.notes[0].split()[2])
    assert cut.notes == (f"truncated JPEG: {missing} of 160 rows missing",)
    if "progressive" not in options:
        assert 24 <= missing <= 64
        sound = 160 - missing - 16  # the last row of blocks is decoded in part
        np.testing.assert_array_equal(cut.pixels[:sound], whole.pixels[:sound])
        assert not cut.pixels[160 - missing :].any()


def test_jpeg_cut_to_a_sliver_is_refused() -> None:
    data = encode(Image.fromarray(noise(160, 120)), "JPEG", quality=80)
    with pytest.raises(ImageError, match=r"a\.jpg: truncated JPEG: only \d+ of 160 rows"):
        decode_radiograph(data[: len(data) // 5], "a.jpg")


def test_header_only_jpeg_is_refused() -> None:
    data = encode(Image.fromarray(GREY), "JPEG")
    scan = data.index(b"\xff\xda")
    for end in (scan + 10, scan, 30, 3):
        with pytest.raises(ImageError, match=r"^a\.jpg: .*(truncated|damaged)"):
            decode_radiograph(data[:end], "a.jpg")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_truncated_png_is_refused(share: float) -> None:
    data = encode(Image.fromarray(noise(200, 200)), "PNG")
    with pytest.raises(ImageError, match=r"^a\.png: damaged or truncated PNG file"):
        decode_radiograph(data[: int(len(data) * share)], "a.png")


def test_damaged_files_never_raise_anything_else() -> None:
    originals = [png(noise(24, 24, 3, high=65_536), level=6)]
    originals += [encode(Image.fromarray(noise(24, 24)), kind) for kind in ("PNG", "JPEG", "BMP", "WEBP")]
    random = np.random.default_rng(1)
    for original in originals:
        for _ in range(60):
            data = bytearray(original)
            for position in random.integers(3, len(data), 4):
                data[position] = random.integers(256)
            try:
                assert decode_radiograph(bytes(data), "a").pixels.dtype == np.uint8
            except ImageError as error:
                assert str(error).startswith("a: ")


def test_reads_real_radiographs(fracatlas: Path) -> None:
    folder = fracatlas / "images" / "Non_fractured"
    cut = read_radiograph(folder / "IMG0004100.jpg")
    turned = read_radiograph(folder / "IMG0000428.jpg")
    assert (cut.notes, cut.pixels.shape) == (("truncated JPEG: 134 of 454 rows missing",), (454, 373))
    assert (turned.notes, turned.pixels.shape) == (("EXIF orientation 6 applied",), (373, 454))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_stored_undoes_upright(orientation: int) -> None:
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(upright(as_stored(pixels, orientation), orientation), pixels)


def test_stored_samples_are_those_in_the_file() -> None:
    colour = np.random.default_rng(0).integers(0, 256, (17, 19, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(colour).save(stream, "PNG")
    assert np.array_equal(stored_samples(stream.getvalue(), "x.png"), colour)
    with pytest.raises(ImageError, match=r"x\.png"):
        stored_samples(stream.getvalue()[:90], "x.png")
