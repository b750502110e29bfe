"""File -> radiograph. What a file is, its content says, never its name.

A new format is one file with a ``recognises_*`` and a ``decode_*`` function, and one line in ``decode_radiograph``.
"""

from __future__ import annotations

import math
from pathlib import Path

from edgefrac.errors import ImageError, UsageError
from edgefrac.imaging.dicom.decode import decode_dicom
from edgefrac.imaging.dicom.parse import recognises_dicom
from edgefrac.imaging.limits import MAX_BYTES
from edgefrac.imaging.nifti import decode_nifti, recognises_nifti
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.raster import decode_raster, recognises_raster
from edgefrac.imaging.voi import CT_PRESETS, WindowChoice

FORMATS = "PNG, JPEG, TIFF, BMP, WebP, DICOM and NIfTI"


def read_radiograph(path: Path, *, window: WindowChoice | None = None) -> Radiograph:
    """Read one file as a radiograph: of a multi-frame file the first frame, of a multi-page one the first page.

    ``window`` overrides what the file says: (center, width) in modality units, which are HU for CT, or the name of one
    of ``CT_PRESETS``, which DICOM files that are not CT ignore with a note.
    Raises ``ImageError`` naming the file and the cause (a NIfTI volume of several slices is one, see ``read_stack``),
    ``MissingDecoderError`` where an optional decoder is not installed, ``UsageError`` for an impossible window.
    """
    return decode_radiograph(read_bytes(path), str(path), window=window)


def decode_radiograph(data: bytes, name: str, *, window: WindowChoice | None = None) -> Radiograph:
    """Decode the bytes of one file, for instance of a zip member; ``name`` is what errors call it.

    Raises like ``read_radiograph``.
    """
    check_window(window)
    if recognises_raster(data):
        return decode_raster(data, name, windowed=window is not None)
    if recognises_dicom(data):
        return decode_dicom(data, name, window)
    if recognises_nifti(data):
        return decode_nifti(data, name, window)
    raise not_an_image(data, name)


def check_window(window: WindowChoice | None) -> None:
    """Raise ``UsageError`` for a window that cannot be."""
    if isinstance(window, str):
        if window not in CT_PRESETS:
            raise UsageError(f"window {window}: no such CT preset; there are {', '.join(CT_PRESETS)}")
    elif window is not None and not (all(map(math.isfinite, window)) and window[1] >= 1):
        raise UsageError(f"window {window[0]:g},{window[1]:g}: center and width must be finite, the width at least 1")


def not_an_image(data: bytes, name: str) -> ImageError:
    """The error for ``data`` of no known format."""
    return ImageError(f"{name}: {_describe(data)}", hint=f"EdgeFrac reads {FORMATS}")


def read_bytes(path: Path) -> bytes:
    """The content of an ordinary file of bearable size. Raises ``ImageError``."""
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
