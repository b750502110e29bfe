"""File -> radiograph. What a file is, its content says, never its name.

A new format is one file with a ``recognises_*`` and a ``decode_*`` function, and one line in ``decode_radiograph``.
"""

from __future__ import annotations

import math
from pathlib import Path

from edgefrac.errors import ImageError, UsageError
from edgefrac.imaging.dicom import decode_dicom, recognises_dicom
from edgefrac.imaging.limits import MAX_BYTES
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.raster import decode_raster, recognises_raster

FORMATS = "PNG, JPEG, BMP, WebP and DICOM"


def read_radiograph(path: Path, *, window: tuple[float, float] | None = None) -> Radiograph:
    """Read one file as a radiograph.

    ``window`` is (center, width) in modality units (HU for CT) and overrides what a DICOM file says.
    Raises ``ImageError`` naming the file and the cause, ``UsageError`` for an impossible window.
    """
    return decode_radiograph(_read_bytes(path), str(path), window=window)


def decode_radiograph(data: bytes, name: str, *, window: tuple[float, float] | None = None) -> Radiograph:
    """Decode the bytes of one file, for instance of a zip member; ``name`` is what errors call it.

    Raises like ``read_radiograph``.
    """
    if window is not None and not (all(map(math.isfinite, window)) and window[1] >= 1):
        raise UsageError(f"window {window[0]:g},{window[1]:g}: center and width must be finite, the width at least 1")
    if recognises_raster(data):
        return decode_raster(data, name, windowed=window is not None)
    if recognises_dicom(data):
        return decode_dicom(data, name, window)
    raise ImageError(f"{name}: {_describe(data)}", hint=f"EdgeFrac reads {FORMATS}")


def _read_bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{path}: is a folder, not an image", hint="name the image files in it")
        if not path.is_file() and path.exists():
            raise ImageError(f"{path}: not an ordinary file")
        if path.stat().st_size > MAX_BYTES:
            raise ImageError(f"{path}: larger than {MAX_BYTES >> 20} MiB, not read")
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except PermissionError:
        raise ImageError(f"{path}: no permission to read it") from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{str(path)!r}: cannot be read: {cause}") from None


def _describe(data: bytes) -> str:
    """Why ``data`` is not an image, as far as a look at it tells."""
    if not data:
        return "empty file (0 bytes)"
    if not data.strip(b"\0"):
        return f"{len(data)} zero bytes, not an image"
    head = data[:512]
    if b"\0" not in head and all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in head):
        return "text, not an image"
    return "not an image of a known format"
