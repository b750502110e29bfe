"""DICOM -> radiograph. Patient data never enters: only the tags of the picture are read, and no text of pydicom's
messages, which may quote values, is passed on.

Decodes what pydicom and the decoders installed beside it can; the order is PS3.4 N.2: modality LUT, VOI LUT or window,
MONOCHROME1 inverted, 8 bit. Multi-frame files give their first frame.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import ImageError
from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.limits import MAX_BYTES, check_size
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.voi import Lut, Rescale, Window, range_to_grey

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.pixels.decoders.base import Decoder

# beside group 0028, which describes the picture and never the patient
_PICTURE_KEYWORDS = (
    "Modality",
    "ImagerPixelSpacing",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
)
# a closed list, so that free text in the tag cannot pass
_MODALITIES = frozenset({"CR", "CT", "DX", "IO", "MG", "MR", "NM", "OT", "PT", "PX", "RF", "RG", "SC", "US", "XA"})
_CT_BONE = Window(400, 1800)
"""Bone window in HU, used where a CT file brings none."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"


def recognises_dicom(data: bytes) -> bool:
    """Whether ``data`` is DICOM: by its preamble, or beginning at once with an element of group 0002 or 0008."""
    if data[128:132] == b"DICM":
        return True
    little = data[:2] in (b"\x02\0", b"\x08\0") and data[3:4] == b"\0"
    big = data[:3] == b"\0\x08\0"
    if data[4:6].isalpha() and data[4:6].isupper():  # explicit: the VR
        return little or big
    return little and 0 < int.from_bytes(data[4:8], "little") <= 64  # implicit: a length in its place


def decode_dicom(data: bytes, name: str, window: tuple[float, float] | None = None) -> Radiograph:
    """Decode a DICOM file; ``window`` is (center, width) in modality units. Raises ``ImageError``."""
    try:
        with _silence():
            return _decode(data, name, window)
    except ImageError:
        raise
    except Exception as error:  # pydicom raises nearly anything on damaged files
        kind = type(error).__name__
    # raised out here so that it carries no reference to an exception whose text may quote patient data
    raise ImageError(
        f"{name}: damaged DICOM file, or compressed in a way that is not supported ({kind})", hint=_CONVERT
    )


_SILENCE = threading.RLock()


@contextmanager
def _silence() -> Iterator[None]:
    """Keep pydicom's warnings and log lines, which quote values, from going anywhere; one thread at a time."""
    logger = logging.getLogger("pydicom")
    with _SILENCE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        disabled, logger.disabled = logger.disabled, True
        try:
            yield
        finally:
            logger.disabled = disabled


def _decode(data: bytes, name: str, window: tuple[float, float] | None) -> Radiograph:
    dataset = _parse(data, name)
    stored, photometric = _first_frame(dataset, name)
    scopes = list(_scopes(dataset))
    notes: list[str] = []
    frames = _integer(dataset, "NumberOfFrames", 1)
    if frames > 1:
        notes.append(f"first of {frames} frames")
    if stored.ndim == 3:
        pixels = to_grey(stored)
        notes.append("colour converted to grey")
    else:
        pixels, voi_note = _monochrome(dataset, scopes, stored, window)
        notes.append(voi_note)
        if photometric == "MONOCHROME1":
            notes.append("MONOCHROME1 inverted")
    return Radiograph(
        pixels,
        source_format="DICOM",
        modality=_modality(dataset),
        spacing_mm=_spacing(scopes),
        notes=tuple(notes),
    )


def _parse(data: bytes, name: str) -> Dataset:
    from pydicom import dcmread
    from pydicom.datadict import DicomDictionary, tag_for_keyword  # type: ignore[attr-defined]
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if _DEFLATED in data[:4096]:
        _check_inflated_size(data, name)
    wanted: list[int] = [tag for tag in DicomDictionary if tag >> 16 == 0x0028]
    wanted += [tag for keyword in _PICTURE_KEYWORDS if (tag := tag_for_keyword(keyword)) is not None]
    dataset = dcmread(io.BytesIO(data), force=True, specific_tags=wanted)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def _check_inflated_size(data: bytes, name: str) -> None:
    """Refuse a deflated file that would inflate beyond the limit; raises ``zlib.error`` if it is damaged."""
    start = 144 + int.from_bytes(data[140:144], "little")  # the group length ends at 144 and counts from there
    inflater, size, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, data[start:]
    while rest and not inflater.eof:
        size += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
        if size > MAX_BYTES:
            raise ImageError(f"{name}: inflates to more than {MAX_BYTES >> 20} MiB, not read")


def _first_frame(dataset: Dataset, name: str) -> tuple[NDArray[Any], str]:
    """Stored values of the first frame, [H, W] or RGB [H, W, 3], and the photometric interpretation."""
    from pydicom.pixels.processing import apply_color_lut

    if "PixelData" not in dataset:
        raise ImageError(f"{name}: DICOM file without pixel data", hint="a report, a plan or a directory, not an image")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise ImageError(f"{name}: DICOM file without image size")
    check_size(name, _integer(dataset, "Columns", 0), _integer(dataset, "Rows", 0))
    decoder = _decoder(dataset, name)
    stored, properties = decoder.as_array(dataset, index=0)
    photometric = str(properties["photometric_interpretation"])
    if photometric == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    is_grey = photometric in ("MONOCHROME1", "MONOCHROME2") and stored.ndim == 2
    if not is_grey and (stored.ndim != 3 or stored.dtype not in (np.uint8, np.uint16)):
        raise ImageError(f"{name}: DICOM file with a pixel format that is not supported")
    return stored, photometric


def _decoder(dataset: Dataset, name: str) -> Decoder:
    """pydicom's decoder for the file's transfer syntax, which may call on others installed beside it."""
    from pydicom.pixels.decoders.base import get_decoder

    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        decoder = None
    if decoder is None:
        raise ImageError(f"{name}: DICOM file with an unknown transfer syntax", hint=_CONVERT)
    if not decoder.is_available:
        raise ImageError(f"{name}: no decoder is installed for its DICOM compression, {syntax.name}", hint=_CONVERT)
    if not syntax.is_encapsulated:
        _check_length(dataset, name)
    return decoder


_CONVERT = "convert it to an uncompressed transfer syntax, for instance Explicit VR Little Endian"


def _check_length(dataset: Dataset, name: str) -> None:
    # YBR_FULL_422 shares its two colour samples between two pixels
    is_422 = dataset.get("PhotometricInterpretation") == "YBR_FULL_422"
    samples = 2 if is_422 else _integer(dataset, "SamplesPerPixel", 1)
    frames = max(1, _integer(dataset, "NumberOfFrames", 1))
    values = frames * samples * _integer(dataset, "Rows", 0) * _integer(dataset, "Columns", 0)
    expected, found = ceil(values * _integer(dataset, "BitsAllocated", 0) / 8), len(dataset.PixelData)
    if found < expected:
        raise ImageError(f"{name}: truncated DICOM file: {found} of {expected} bytes of pixel data")


def _monochrome(
    dataset: Dataset, scopes: list[Dataset], stored: NDArray[Any], window: tuple[float, float] | None
) -> tuple[NDArray[np.uint8], str]:
    """Stored values [H, W] -> uint8 [H, W], and a note on which window made them so."""
    padded = _padded(dataset, stored)
    valid = stored if padded is None else stored[~padded]
    low, high = valid.min(), valid.max()
    held = stored.clip(low, high)
    # every step maps value by value, so it is done once for each value that can occur
    if stored.dtype.kind in "ui" and stored.dtype.itemsize <= 2:
        domain = np.arange(int(low), int(high) + 1)
        index = held.astype(np.int64) - int(low)
    else:
        domain, index = np.unique(held, return_inverse=True)
    grey, note = _voi(scopes, _modality_values(scopes, domain), window, is_ct=_modality(dataset) == "CT")
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    pixels: NDArray[np.uint8] = grey[index]
    if padded is not None:
        pixels[padded] = 0
    return pixels, note


def _padded(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where pixel padding lies (PS3.3 C.7.5.1.1.2), or None if nowhere or everywhere."""
    padding = _numbers([dataset], "PixelPaddingValue")
    if not padding:
        return None
    limit = _numbers([dataset], "PixelPaddingRangeLimit") or padding
    mask: NDArray[np.bool_] = (stored >= min(padding[0], limit[0])) & (stored <= max(padding[0], limit[0]))
    return mask if mask.any() and not mask.all() else None


def _modality_values(scopes: list[Dataset], stored: NDArray[Any]) -> NDArray[Any]:
    lut = _lut(scopes, "ModalityLUTSequence")
    if lut is not None:
        return lut.apply(stored)
    slope, intercept = _numbers(scopes, "RescaleSlope"), _numbers(scopes, "RescaleIntercept")
    return Rescale(slope[0], intercept[0]).apply(stored) if slope and intercept else stored


def _voi(
    scopes: list[Dataset], values: NDArray[Any], window: tuple[float, float] | None, *, is_ct: bool
) -> tuple[NDArray[np.uint8], str]:
    if window is not None:
        return Window(*window).to_grey(values), "window as asked for"
    lut = _lut(scopes, "VOILUTSequence")
    if lut is not None:
        return lut.to_grey(values), "VOI LUT of the file"
    own = _file_window(scopes)
    if own is not None:
        return own.to_grey(values), "window of the file"
    if is_ct and _numbers(scopes, "RescaleIntercept"):
        return _CT_BONE.to_grey(values), f"CT bone window {_CT_BONE.center:g},{_CT_BONE.width:g}: the file has none"
    return range_to_grey(values, values.min(), values.max()), "no window in the file: smallest to largest value"


def _file_window(scopes: list[Dataset]) -> Window | None:
    """The file's first window, or None if it has none or an impossible one."""
    center, width = _numbers(scopes, "WindowCenter"), _numbers(scopes, "WindowWidth")
    if not center or not width:
        return None
    function = str(_value(scopes, "VOILUTFunction") or "LINEAR").upper()
    window = Window(center[0], width[0], function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR")
    return window if window.is_possible else None


def _lut(scopes: list[Dataset], keyword: str) -> Lut | None:
    """The first table of a LUT sequence; 8-bit entries may be packed two to a word (PS3.3 C.11.1.1.1)."""
    sequence = _value(scopes, keyword)
    if not sequence or "LUTDescriptor" not in sequence[0] or "LUTData" not in sequence[0]:
        return None
    count, first, bits = (int(value) for value in sequence[0].LUTDescriptor)
    count = count or 65536
    data = sequence[0].LUTData
    if isinstance(data, bytes):
        order = ">" if sequence[0].original_encoding[1] is False else "<"
        words = np.frombuffer(data[: len(data) // 2 * 2], f"{order}u2")
    else:
        words = np.atleast_1d(np.asarray(data, np.int64)).astype(np.uint16)
    entries = words if len(words) >= count else words.astype("<u2").view(np.uint8)
    if len(entries) < count:
        raise ValueError("lookup table shorter than it says")
    return Lut(first, entries[:count].astype(np.int64), bits)


def _scopes(dataset: Dataset) -> Iterator[Dataset]:
    """Where a fact about the first frame may stand: the file itself, then its functional groups (PS3.3 C.7.6.16)."""
    yield dataset
    for keyword in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        for group in (dataset.get(keyword) or [])[:1]:
            for element in group:
                if element.VR == "SQ":
                    yield from element.value[:1]


def _value(scopes: list[Dataset], keyword: str) -> Any:
    return next((scope[keyword].value for scope in scopes if keyword in scope), None)


def _numbers(scopes: list[Dataset], keyword: str) -> tuple[float, ...]:
    """All values of an element as finite floats; () if it is absent, empty or unreadable."""
    try:
        value = _value(scopes, keyword)
        several = [] if value in (None, "") else list(value) if hasattr(value, "__iter__") else [value]
        numbers = tuple(float(each) for each in several)
    except (TypeError, ValueError, OverflowError):
        return ()
    return numbers if all(map(isfinite, numbers)) else ()


def _integer(dataset: Dataset, keyword: str, default: int) -> int:
    numbers = _numbers([dataset], keyword)
    return int(numbers[0]) if numbers else default


def _modality(dataset: Dataset) -> str | None:
    value = str(dataset.get("Modality", ""))
    return value if value in _MODALITIES else None


def _spacing(scopes: list[Dataset]) -> tuple[float, float] | None:
    """Row and column spacing in mm, in the patient if the file says so, else at the detector."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = _numbers(scopes, keyword)
        if len(spacing) == 2 and min(spacing) > 0:
            return spacing[0], spacing[1]
    return None
