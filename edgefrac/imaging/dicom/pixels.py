"""The pixel data of one frame, decompressed: stored values, as PS3.5 8 lays them out."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import ImageError, MissingDecoderError
from edgefrac.imaging.dicom.codestream import has_end, stated_size
from edgefrac.imaging.dicom.parse import integer
from edgefrac.imaging.dicom.quiet import CONVERT
from edgefrac.imaging.limits import check_expansion, check_size

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.pixels.decoders.base import Decoder


def stored_values(dataset: Dataset, name: str, frame: int) -> tuple[NDArray[Any], list[str]]:
    """Stored values of a frame, grey [H, W] or RGB [H, W, 3], and notes on what was done to get them.

    Raises ``ImageError``, ``MissingDecoderError``, and whatever a decoder raises.
    """
    if "PixelData" not in dataset:
        raise ImageError(f"{name}: DICOM file without pixel data", hint="a report, a plan or a directory, not an image")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise ImageError(f"{name}: DICOM file without image size")
    width, height, samples = (integer(dataset, k, 1) for k in ("Columns", "Rows", "SamplesPerPixel"))
    check_size(name, width, height)
    check_expansion(name, width * height * samples, len(dataset.PixelData))
    decoder = _decoder(dataset, name)
    if decoder.UID.is_encapsulated:
        _check_codestream(dataset, name, frame, (width, height))
    is_grey = dataset.get("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
    # JPEG and its like put their samples at the low end, whatever HighBit says
    is_raw = is_grey and (not decoder.UID.is_encapsulated or decoder.UID.name == "RLE Lossless")
    options: Any = {"correct_unused_bits": not is_raw}
    stored, properties = decoder.as_array(dataset, index=frame, **options)
    notes: list[str] = []
    if is_raw and stored.dtype.kind in "iu":
        stored, notes = _significant(dataset, stored)
    if properties["photometric_interpretation"] == "PALETTE COLOR":
        stored = _through_palette(dataset, stored)
    stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    is_grey = is_grey and stored.ndim == 2
    if not is_grey and (stored.ndim != 3 or stored.dtype not in (np.uint8, np.uint16)):
        raise ImageError(f"{name}: DICOM file with a pixel format that is not supported")
    return stored, notes


def _check_codestream(dataset: Dataset, name: str, frame: int, size: tuple[int, int]) -> None:
    """A compressed frame of another size is refused before a decoder makes room for it. Raises as pydicom does."""
    from pydicom.encaps import get_frame
    from pydicom.uid import JPEGLSTransferSyntaxes

    tables = (dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths"))
    encoded = get_frame(
        dataset.PixelData,
        frame,
        number_of_frames=max(1, integer(dataset, "NumberOfFrames", 1)),
        extended_offsets=tables if all(tables) else None,
    )
    if dataset.file_meta.TransferSyntaxUID in JPEGLSTransferSyntaxes and not has_end(encoded):
        raise ImageError(f"{name}: truncated DICOM file: its compressed frame has no end")
    stated = stated_size(encoded)
    if stated is not None and stated != size:
        raise ImageError(f"{name}: DICOM file of {size[0]}×{size[1]} pixels with a frame of {stated[0]}×{stated[1]}")


def _significant(dataset: Dataset, words: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """Cut the stored bits, with their sign, out of their words; others may hold overlays or nothing (PS3.5 8.1.1)."""
    width = words.dtype.itemsize * 8
    bits = integer(dataset, "BitsStored", width)
    low = integer(dataset, "HighBit", bits - 1) - bits + 1
    if not 0 < bits < width or not 0 <= low <= width - bits:
        return words, []
    above = width - bits - low
    # shifted to the top and back down, so that a signed type brings its sign along
    kept = np.right_shift(np.left_shift(words, above), width - bits)
    beside = np.array(((1 << width) - 1) ^ (((1 << bits) - 1) << low), np.uint64).astype(words.dtype)
    is_clean = (words & beside == 0) | (np.left_shift(kept, low) == words)
    return kept, [] if is_clean.all() else [f"bits beside the {bits} stored ones ignored"]


def _through_palette(dataset: Dataset, stored: NDArray[Any]) -> NDArray[Any]:
    from pydicom.dataset import Dataset
    from pydicom.pixels.processing import apply_color_lut

    if dataset.original_encoding[1] is not False:
        return apply_color_lut(stored, dataset)
    # pydicom takes the words of a palette for little-endian ones in any file, segmented palettes excepted
    palette = Dataset()
    palette.update({element.tag: element for element in dataset.group_dataset(0x0028)})
    for colour in ("Red", "Green", "Blue"):
        keyword = f"{colour}PaletteColorLookupTableData"
        if keyword in palette:
            swapped = np.frombuffer(palette[keyword].value, np.uint16).byteswap().tobytes()
            palette.add_new(keyword, "OW", swapped)
    palette.file_meta = dataset.file_meta
    return apply_color_lut(stored, palette)


def _decoder(dataset: Dataset, name: str) -> Decoder:
    """pydicom's decoder for the file's transfer syntax, which may call on others installed beside it."""
    from pydicom.pixels.decoders.base import get_decoder

    from edgefrac.imaging.dicom import jpeg

    jpeg.register()
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise ImageError(f"{name}: DICOM file with an unknown transfer syntax", hint=CONVERT) from None
    if not decoder.is_available or not _takes(decoder, dataset):
        raise MissingDecoderError(name, f"its DICOM compression, {syntax.name}", "dicom")
    if not syntax.is_encapsulated:
        _check_length(dataset, name)
    return decoder


def _takes(decoder: Decoder, dataset: Dataset) -> bool:
    """Whether an installed decoder takes the file's depth: Pillow alone does not go beyond 8 bits of colour."""
    from pydicom.uid import JPEG2000TransferSyntaxes, JPEGExtended12Bit

    if decoder.available_plugins != ("pillow",) or integer(dataset, "BitsStored", 8) <= 8:
        return True
    is_colour = integer(dataset, "SamplesPerPixel", 1) > 1
    return JPEGExtended12Bit != decoder.UID and not (is_colour and decoder.UID in JPEG2000TransferSyntaxes)


def _check_length(dataset: Dataset, name: str) -> None:
    # YBR_FULL_422 shares its two colour samples between two pixels
    is_422 = dataset.get("PhotometricInterpretation") == "YBR_FULL_422"
    samples = 2 if is_422 else integer(dataset, "SamplesPerPixel", 1)
    frames = max(1, integer(dataset, "NumberOfFrames", 1))
    values = frames * samples * integer(dataset, "Rows", 0) * integer(dataset, "Columns", 0)
    expected, found = ceil(values * integer(dataset, "BitsAllocated", 0) / 8), len(dataset.PixelData)
    if found < expected:
        raise ImageError(f"{name}: truncated DICOM file: {found} of {expected} bytes of pixel data")
