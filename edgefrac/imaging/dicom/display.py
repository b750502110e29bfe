"""Stored values -> 8-bit grey, in the order of PS3.4 N.2: modality LUT, VOI LUT or window, MONOCHROME1 inverted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.dicom.facts import modality
from edgefrac.imaging.dicom.parse import numbers, value
from edgefrac.imaging.voi import CT_PRESETS, Lut, Rescale, Window, WindowChoice, range_to_grey

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def monochrome(
    where: list[Dataset], stored: NDArray[Any], window: WindowChoice | None
) -> tuple[NDArray[np.uint8], list[str]]:
    """Stored values [H, W] -> uint8 [H, W], and notes on which window made them so.

    ``where`` is the data set and then the functional groups of the frame.
    """
    dataset = where[0]
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
    grey, notes = _voi(where, _modality_values(where, domain), window)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
        notes.append("MONOCHROME1 inverted")
    pixels: NDArray[np.uint8] = grey[index]
    if padded is not None:
        pixels[padded] = 0
    return pixels, notes


def _padded(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where pixel padding lies (PS3.3 C.7.5.1.1.2), or None if nowhere or everywhere."""
    padding = numbers([dataset], "PixelPaddingValue")
    if not padding:
        return None
    limit = numbers([dataset], "PixelPaddingRangeLimit") or padding
    mask: NDArray[np.bool_] = (stored >= min(padding[0], limit[0])) & (stored <= max(padding[0], limit[0]))
    return mask if mask.any() and not mask.all() else None


def _modality_values(where: list[Dataset], stored: NDArray[Any]) -> NDArray[Any]:
    lut = _lut(where, "ModalityLUTSequence")
    if lut is not None:
        return lut.apply(stored)
    slope, intercept = numbers(where, "RescaleSlope"), numbers(where, "RescaleIntercept")
    return Rescale(slope[0], intercept[0]).apply(stored) if slope and intercept else stored


def _voi(
    where: list[Dataset], values: NDArray[Any], window: WindowChoice | None
) -> tuple[NDArray[np.uint8], list[str]]:
    # without rescale, the values of a CT file are no Hounsfield units
    is_ct = modality(where[0]) == "CT" and bool(numbers(where, "RescaleIntercept"))
    notes = []
    if isinstance(window, tuple):
        return Window(*window).to_grey(values), ["window as asked for"]
    if window is not None:
        if is_ct:
            return CT_PRESETS[window].to_grey(values), [f"CT window {window} as asked for"]
        notes.append(f"window {window} ignored: not a CT file in Hounsfield units")
    lut = _lut(where, "VOILUTSequence")
    if lut is not None:
        return lut.to_grey(values), [*notes, "VOI LUT of the file" + _of_several(value(where, "VOILUTSequence"))]
    own = _file_window(where)
    if own is not None:
        return own.to_grey(values), [*notes, "window of the file" + _of_several(numbers(where, "WindowCenter"))]
    if is_ct:
        bone = CT_PRESETS["bone"]
        note = f"CT bone window {bone.center:g},{bone.width:g}: the file has none"
        return bone.to_grey(values), [*notes, note]
    note = "no window in the file: smallest to largest value"
    return range_to_grey(values, values.min(), values.max()), [*notes, note]


def _of_several(alternatives: Any) -> str:
    return f": the first of {len(alternatives)}" if len(alternatives) > 1 else ""


def _file_window(where: list[Dataset]) -> Window | None:
    """The file's first window, or None if it has none or an impossible one."""
    center, width = numbers(where, "WindowCenter"), numbers(where, "WindowWidth")
    if not center or not width:
        return None
    function = str(value(where, "VOILUTFunction") or "LINEAR").upper()
    window = Window(center[0], width[0], function if function in ("LINEAR_EXACT", "SIGMOID") else "LINEAR")
    return window if window.is_possible else None


def _lut(where: list[Dataset], keyword: str) -> Lut | None:
    """The first table of a LUT sequence; 8-bit entries may be packed two to a word (PS3.3 C.11.1.1.1)."""
    sequence = value(where, keyword)
    if not sequence or "LUTDescriptor" not in sequence[0] or "LUTData" not in sequence[0]:
        return None
    count, first, bits = (int(number) for number in sequence[0].LUTDescriptor)
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
