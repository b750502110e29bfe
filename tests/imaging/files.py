"""Image files made in the tests: PNGs that Pillow cannot write, and DICOM."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

PNG_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def png(samples: NDArray[Any], *, level: int = 0, height: int | None = None, width: int | None = None) -> bytes:
    """Samples uint8 or uint16 [H, W] or [H, W, 1..4] as PNG; ``height`` and ``width`` lie about the size.

    At ``level`` 0 the bytes don't depend on which zlib is installed.
    """
    rows = samples.reshape(samples.shape[0], samples.shape[1], -1)
    depth = samples.dtype.itemsize * 8
    big_endian = rows.astype(">u2") if depth == 16 else rows
    raw = b"".join(b"\0" + row.tobytes() for row in big_endian)
    size = struct.pack(">II", width or rows.shape[1], height or rows.shape[0])
    header = size + bytes([depth, PNG_COLOUR_TYPES[rows.shape[2]], 0, 0, 0])
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw, level)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """``image`` in one of Pillow's formats."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(*shape: int, high: int = 256, seed: int = 0) -> NDArray[Any]:
    """Deterministic uint8 noise, uint16 if ``high`` asks for it."""
    dtype = np.uint8 if high <= 256 else np.uint16
    return np.random.default_rng(seed).integers(0, high, shape, dtype=dtype)


def dataset(pixels: NDArray[Any], *, syntax: str = ExplicitVRLittleEndian, **tags: Any) -> Dataset:
    """A DICOM data set around stored values [H, W], [H, W, 3], or [N, H, W] with ``NumberOfFrames``."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = ComputedRadiographyImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    frames = "NumberOfFrames" in tags
    colour = pixels.ndim == 3 and not frames
    ds.Rows, ds.Columns = pixels.shape[1:3] if frames else pixels.shape[:2]
    ds.SamplesPerPixel = 3 if colour else 1
    ds.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        ds.PlanarConfiguration = 0
    bits = pixels.dtype.itemsize * 8
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
    ds.PixelData = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    ds["PixelData"].VR = "OW" if bits > 8 else "OB"
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def dicom(pixels: NDArray[Any], **tags: Any) -> bytes:
    """``dataset`` as the bytes of a file."""
    return save(dataset(pixels, **tags))


def encapsulated(ds: Dataset, syntax: str, frames: list[bytes]) -> Dataset:
    """``ds`` with its pixel data replaced by encoded frames."""
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR = "OB"
    return ds


def save(ds: Dataset) -> bytes:
    """A data set as the bytes of a DICOM file."""
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
