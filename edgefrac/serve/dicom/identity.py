"""Which object a received data set is, from its first elements: enough to acknowledge it, and too little to be fooled.

Reading it whole is left to the readers, which may crash. Here only elements up to the instance's UID are looked at, by
pydicom, which is Python throughout.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgefrac.imaging.dicom.parse import deflated_part
from edgefrac.imaging.dicom.quiet import silence
from edgefrac.serve.dicom.origin import CREATOR_UID

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.uid import UID

_LAST = 0x00080018  # SOPInstanceUID
_BEGINNING = 1 << 16  # bytes of a deflated data set that are inflated; what is looked at lies far before
_TAGS = (0x00080016, 0x00080018, 0x00080014)  # SOPClassUID, SOPInstanceUID, InstanceCreatorUID


@dataclass(frozen=True)
class Identity:
    """What an object says it is; ``own`` is True where EdgeFrac made it, so that it is no image to be answered."""

    sop_class: str = field(repr=False)
    sop_instance: str = field(repr=False)
    own: bool


def identity_of(encoded: bytes, syntax: UID) -> Identity | None:
    """The identity of a data set as it was sent, without preamble and file meta group; None where it has none."""
    from pydicom.filereader import read_dataset

    def read() -> Dataset:
        plain = encoded
        if syntax.is_deflated:
            plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(encoded, _BEGINNING)
        return read_dataset(io.BytesIO(plain), syntax.is_implicit_VR, syntax.is_little_endian, stop_when=_is_behind)

    return _identity(read)


def identity_of_file(data: bytes) -> Identity | None:
    """The identity of a DICOM file; None where it has none, or is deflated."""
    from pydicom.dataset import Dataset
    from pydicom.filereader import read_partial

    def read() -> Dataset:
        if deflated_part(data, "") is not None:
            return Dataset()  # pydicom would inflate it whole
        return read_partial(io.BytesIO(data), stop_when=_is_behind)

    return _identity(read)


def _is_behind(tag: int, *_: object) -> bool:
    return tag > _LAST


def _identity(read: Callable[[], Dataset]) -> Identity | None:
    try:
        with silence():  # pydicom's warnings quote what they are about
            beginning = read()
            sop_class, sop_instance, creator = (_text(beginning, tag) for tag in _TAGS)
    except Exception:  # pydicom raises nearly anything on damaged data sets, with words that quote them
        return None
    if not sop_class or not sop_instance:
        return None
    return Identity(sop_class, sop_instance, own=creator == CREATOR_UID)


def _text(dataset: Dataset, tag: int) -> str:
    """A value as it was stored: pydicom would parse thousands of items where a sequence is in its place."""
    element = dataset.get_item(tag) if tag in dataset else None
    stored = element.value if element is not None and element.VR != "SQ" else None
    return stored.decode("ascii", "replace").strip("\0 ") if isinstance(stored, bytes) else ""
