"""PNG, JPEG, TIFF, BMP and WebP, decoded by Pillow."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import ImageError
from edgefrac.imaging.depth import of_samples
from edgefrac.imaging.grey import Samples, chroma, to_grey
from edgefrac.imaging.limits import MAX_PIXELS, check_expansion, check_size
from edgefrac.imaging.radiograph import Radiograph

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

S = TypeVar("S", np.uint8, np.uint16)

_JPEG_EOI = b"\xff\xd9"
_JPEG_UNDECODED = 128
_MIN_DECODED = 0.25
"""A truncated JPEG with a smaller share of its rows is refused: what is left would not be that radiograph."""

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_BITS, _TIFF_PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0

_EXIF_ORIENTATION = 0x0112
_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


def recognises_raster(data: bytes) -> bool:
    """Whether ``data`` begins like a PNG, JPEG, TIFF, BMP or WebP file."""
    return _format(data) is not None


def decode_raster(data: bytes, name: str, *, windowed: bool = False) -> Radiograph:
    """Decode a PNG, JPEG, TIFF, BMP or WebP file; raises ``ImageError``.

    ``windowed`` says that the user asked for a window, which only DICOM has: it is noted, not obeyed.
    """
    kind = str(_format(data))
    with _quiet_libtiff() if kind == "TIFF" else nullcontext():
        radiograph = _decode(data, name, kind)
    ignored = ("window ignored: not a DICOM file",) if windowed else ()
    return replace(radiograph, notes=(*ignored, *radiograph.notes))


def stored_samples(data: bytes, name: str) -> Samples:
    """The samples as the file stores them, uint8 or uint16 [H, W] or [H, W, C], not turned and not made grey.

    Raises ``ImageError`` where ``decode_raster`` does, and for a truncated JPEG.
    """
    try:
        return _samples(_open(data, name), data)
    except ImageError:
        raise
    except Exception as error:
        raise _damaged(str(_format(data)), name, error) from error


def upright(pixels: NDArray[S], orientation: int) -> NDArray[S]:
    """``pixels`` as EXIF's ``orientation`` (1 to 8) says that they are to be shown."""
    return np.ascontiguousarray(_UPRIGHT[orientation](pixels)) if orientation in _UPRIGHT else pixels


def as_stored(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Upright pixels as a file of that ``orientation`` stores them: the inverse of ``upright``."""
    return upright(pixels, {6: 8, 8: 6}.get(orientation, orientation))


_STDERR = threading.Lock()


@contextmanager
def _quiet_libtiff() -> Iterator[None]:
    """Keep off standard error what libtiff writes there, without the file's name and past Pillow and Python."""
    with _STDERR:
        try:
            sys.stderr.flush()
            real = os.dup(2)
        except (OSError, ValueError, AttributeError):  # a process without standard error
            yield
            return
        try:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(real, 2)
            os.close(real)


def _decode(data: bytes, name: str, kind: str) -> Radiograph:
    notes, colour, depth = [], 0.0, None
    image = _open(data, name)
    turned = _orientation(image) if kind == "TIFF" else 1  # Pillow turns TIFFs, and only them, on loading
    try:
        samples = _samples(image, data)
        pixels, colour = to_grey(samples), chroma(samples)
        if samples.ndim == 2 and samples.dtype.itemsize == 2:
            depth = of_samples(upright(samples.astype(np.uint16, copy=False), _orientation(image)))
    except _UnsupportedSamplesError as error:
        raise ImageError(f"{name}: {kind} file with {error}", hint="save it with 8 or 16 bits a sample") from None
    except Exception as error:  # a damaged file can make a decoder raise nearly anything
        if kind != "JPEG" or "truncated" not in str(error):
            raise _damaged(kind, name, error) from error
        pixels, missing = _truncated_jpeg(data, name)
        notes.append(f"truncated JPEG: {missing} of {pixels.shape[0]} rows missing")
    frames = _frames(image)
    if frames > 1:
        notes.append(f"first of {frames} {'pages' if kind == 'TIFF' else 'frames'}")
    if kind == "TIFF" and len(depths := _depths(image)) > 1 and max(depths) > 8:
        notes.append(f"colour of {max(depths)} bits read at 8")
    orientation = _orientation(image)
    pixels = upright(pixels, orientation)
    if max(orientation, turned) in _UPRIGHT:
        notes.append(f"EXIF orientation {max(orientation, turned)} applied")
    return Radiograph(pixels, source_format=kind, notes=tuple(notes), chroma=colour, depth=depth)


class _UnsupportedSamplesError(ValueError):
    """What the file holds is sound but no grey or colour of 8 or 16 bits."""


def _format(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    # a DICOM file may begin with a TIFF's header, to be both
    if data.startswith(_TIFF_MAGIC) and data[128:132] != b"DICM":
        return "TIFF"
    # two letters alone would claim any text that begins with them
    return "BMP" if data.startswith(b"BM") and data[6:10] == b"\0\0\0\0" else None


def _open(data: bytes, name: str) -> ImageFile:
    """Read the header and check the size it announces."""
    from PIL import Image

    kind = str(_format(data))
    try:
        image = Image.open(io.BytesIO(data), formats=[kind])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageError(
            f"{name}: too many pixels; the limit is {MAX_PIXELS // 1_000_000} megapixels",
            hint="reduce the image first, or check that it is not a decompression bomb",
        ) from None
    except MemoryError:  # the file may be sound
        raise
    except Exception as error:
        raise ImageError(f"{name}: damaged or truncated {kind} file: no readable header") from error
    check_size(name, *image.size)
    check_expansion(name, image.width * image.height * len(image.getbands()), len(data))
    return image


def _damaged(kind: str, name: str, error: Exception) -> ImageError:
    """The error for what a decoder raised; where memory is short, that is raised on: the file may be sound."""
    if isinstance(error, MemoryError):
        raise error
    cause = (str(error) or type(error).__name__).splitlines()[0]
    return ImageError(f"{name}: damaged or truncated {kind} file: {cause}")


def _frames(image: ImageFile) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # pages are counted by reading their headers; the first is the one that matters
        return 1


def _orientation(image: ImageFile) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # unreadable EXIF says nothing about the pixels
        return 1


def _samples(image: ImageFile, data: bytes) -> Samples:
    """uint8 or uint16, [H, W] or [H, W, C]; ``image`` must not have been loaded, or its tile is gone."""
    from PIL import Image

    raw_mode = image.tile[0].args if image.format == "PNG" and image.tile else None
    if raw_mode in _WIDE:
        return _WIDE[raw_mode](data)
    if image.mode in ("I;16", "I;16L", "I;16B"):
        return _of_16_bits(image)
    image.load()
    converted: Image.Image = image
    has_key = "transparency" in image.info
    if image.mode == "CMYK":
        converted = _cmyk_to_rgb(image)
    elif image.mode in ("P", "PA", "RGB", "YCbCr"):
        converted = image.convert("RGBA" if has_key or image.mode == "PA" else "RGB")
    elif image.mode in ("1", "L"):
        converted = image.convert("LA" if has_key else "L")
    elif image.mode not in ("LA", "RGBA"):
        raise _UnsupportedSamplesError(f"samples of kind {image.mode}, which are not supported")
    return np.asarray(converted)


def _of_16_bits(image: ImageFile) -> NDArray[np.uint16]:
    samples = np.asarray(image).astype(np.uint16)
    # Pillow inverts TIFFs of this kind only up to 8 bits
    if _tags(image).get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        samples = np.uint16((1 << max(_depths(image))) - 1) - samples
    return samples


def _tags(image: ImageFile) -> Any:
    return getattr(image, "tag_v2", {})


def _depths(image: ImageFile) -> tuple[int, ...]:
    """Bits of each sample of a TIFF."""
    return tuple(_tags(image).get(_TIFF_BITS, (1,)))


def _cmyk_to_rgb(image: ImageFile) -> Any:
    from PIL import ImageChops

    # Pillow takes every CMYK JPEG for one of Adobe's, which store the inks inverted; others say no "Adobe" in them
    is_inverted = image.format == "JPEG" and "adobe" not in image.info
    return (ImageChops.invert(image) if is_inverted else image).convert("RGB")


def _png_as(data: bytes, raw_mode: str) -> NDArray[np.uint8]:
    """Decode a 16-bit PNG as if its samples were packed as Pillow's ``raw_mode``."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
        image.tile = [image.tile[0]._replace(args=raw_mode)]
        return np.asarray(image)


def _high_and_low(mode: str) -> Callable[[bytes], NDArray[np.uint16]]:
    def decode(data: bytes) -> NDArray[np.uint16]:
        # read as big-endian Pillow keeps the high bytes, read as little-endian the low ones
        high, low = _png_as(data, f"{mode};16B"), _png_as(data, f"{mode};16L")
        return high.astype(np.uint16) << np.uint16(8) | low

    return decode


def _grey_alpha(data: bytes) -> NDArray[np.uint16]:
    # two 16-bit samples are four bytes, as RGBA is
    return np.ascontiguousarray(_png_as(data, "RGBA")).view(">u2").astype(np.uint16)


# 16-bit PNGs of several channels, which Pillow would cut down to their high bytes
_WIDE: dict[str, Callable[[bytes], NDArray[np.uint16]]] = {
    "RGB;16B": _high_and_low("RGB"),
    "RGBA;16B": _high_and_low("RGBA"),
    "LA;16B": _grey_alpha,
}


def _truncated_jpeg(data: bytes, name: str) -> tuple[NDArray[np.uint8], int]:
    """Decode what is there: uint8 [H, W] with missing rows black, and how many rows are missing.

    With an end-of-image marker the decoder fills the rest with mid-grey, which would look like soft tissue.
    """
    image = _open(data + _JPEG_EOI, name)
    try:
        pixels = to_grey(_samples(image, data))
    except Exception as error:
        raise _damaged("JPEG", name, error) from error
    decoded = np.flatnonzero((pixels != _JPEG_UNDECODED).any(axis=1))
    rows = int(decoded[-1]) + 1 if decoded.size else 0
    if rows < _MIN_DECODED * pixels.shape[0]:
        raise ImageError(f"{name}: truncated JPEG: only {rows} of {pixels.shape[0]} rows can be decoded")
    pixels = pixels.copy()
    pixels[rows:] = 0
    return pixels, pixels.shape[0] - rows
