"""The bytes of a DICOM file -> the data elements that describe its picture, and no others."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any

from edgefrac.errors import ImageError
from edgefrac.imaging.limits import MAX_BYTES

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

# beside group 0028, which describes the picture and never the patient; what is text among them leaves this package
# only where it is one of the standard's own codes, and the series only as a number among others
_PICTURE_KEYWORDS = (
    "Modality",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "ViewPosition",
    "ImageLaterality",
    "Laterality",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
)
_DEFLATED = "1.2.840.10008.1.2.1.99"


def recognises_dicom(data: bytes) -> bool:
    """Whether ``data`` is DICOM: by its preamble, or beginning at once with an element of group 0002 or 0008."""
    if data[128:132] == b"DICM":
        return True
    little = data[:2] in (b"\x02\0", b"\x08\0") and data[3:4] == b"\0"
    big = data[:3] == b"\0\x08\0"
    if data[4:6].isalpha() and data[4:6].isupper():  # explicit: the VR
        return little or big
    return little and 0 < int.from_bytes(data[4:8], "little") <= 64  # implicit: a length in its place


def parse(data: bytes, name: str) -> Dataset:
    """Read the picture's elements.

    Raises ``ImageError`` for a deflation bomb and a sequence in the file meta group, and whatever pydicom raises.
    """
    from pydicom.datadict import DicomDictionary, tag_for_keyword  # type: ignore[attr-defined]
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    wanted: list[int] = [tag for tag in DicomDictionary if tag >> 16 == 0x0028]
    wanted += [tag for keyword in _PICTURE_KEYWORDS if (tag := tag_for_keyword(keyword)) is not None]
    dataset = read_elements(data, name, wanted)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def read_elements(data: bytes, name: str, tags: list[int], *, stop_before_pixels: bool = False) -> FileDataset:
    """Read the elements of ``tags`` and no others. Raises like ``parse``."""
    from pydicom import dcmread

    _check_inflated_size(data, name)
    wanted: list[Any] = list(tags)
    return dcmread(io.BytesIO(data), force=True, specific_tags=wanted, stop_before_pixels=stop_before_pixels)


def deflated_part(data: bytes, name: str) -> bytes | None:
    """What pydicom would inflate of a file; None where it is not deflated.

    Raises ``ImageError`` for a file meta group with a sequence, and whatever pydicom raises.
    """
    # found as pydicom finds it: any other way could be led past a bomb, or to one that is none
    from pydicom.filereader import _read_command_set_elements, _read_file_meta_info, read_dataset, read_preamble

    stream = io.BytesIO(data)
    read_preamble(stream, force=True)
    start = stream.tell()
    unparsed = read_dataset(stream, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)
    if any(element.VR == "SQ" for element in unparsed.elements()):
        # the standard has none, and each of thousands of items would be parsed each time the group is
        raise ImageError(f"{name}: damaged DICOM file: a sequence in its file meta group")
    stream.seek(start)
    if _read_file_meta_info(stream).get("TransferSyntaxUID") != _DEFLATED:
        return None
    _read_command_set_elements(stream)
    return stream.read()


def _check_inflated_size(data: bytes, name: str) -> None:
    """Refuse a deflated file that would inflate beyond the limit; raises ``zlib.error`` if it is damaged."""
    inflater, size, rest = zlib.decompressobj(-zlib.MAX_WBITS), 0, deflated_part(data, name)
    while rest and not inflater.eof:
        size += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
        if size > MAX_BYTES:
            raise ImageError(f"{name}: inflates to more than {MAX_BYTES >> 20} MiB, not read")


def scopes(dataset: Dataset, frame: int) -> Iterator[Dataset]:
    """Where a fact about a frame may stand: the file itself, then its functional groups (PS3.3 C.7.6.16)."""
    yield dataset
    for keyword, item in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        for group in (dataset.get(keyword) or [])[item : item + 1]:
            for element in group:
                if element.VR == "SQ":
                    yield from element.value[:1]


def value(where: list[Dataset], keyword: str) -> Any:
    """The first value found under ``keyword``, or None."""
    return next((scope[keyword].value for scope in where if keyword in scope), None)


def numbers(where: list[Dataset], keyword: str) -> tuple[float, ...]:
    """All values of an element as finite floats; () if it is absent, empty or unreadable."""
    try:
        found = value(where, keyword)
        several = [] if found in (None, "") else list(found) if hasattr(found, "__iter__") else [found]
        floats = tuple(float(each) for each in several)
    except (TypeError, ValueError, OverflowError):
        return ()
    return floats if all(map(isfinite, floats)) else ()


def integer(dataset: Dataset, keyword: str, default: int) -> int:
    """The first value of an element as an integer, or ``default``."""
    found = numbers([dataset], keyword)
    return int(found[0]) if found else default
