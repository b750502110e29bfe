"""Stored values -> 8-bit grey, in the order of PS3.4 N.2: modality LUT, VOI LUT or window, MONOCHROME1 inverted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.depth import Curve, Depth, Unit
from edgefrac.imaging.dicom.facts import modality
from edgefrac.imaging.dicom.parse import numbers, value
from edgefrac.imaging.voi import CT_PRESETS, Lut, Rescale, Window, WindowChoice, range_to_grey

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class Shown:
    """Grey of some values, how it came about, and by which window."""

    grey: NDArray[np.uint8]
    notes: list[str]
    curve: Curve


def monochrome(
    where: list[Dataset], stored: NDArray[Any], window: WindowChoice | None
) -> tuple[NDArray[np.uint8], list[str], Depth | None]:
    """Stored values [H, W] -> uint8 [H, W], notes on which window made them so, and the numbers behind them.

    ``where`` is the data set and then the functional groups of the frame. There is no depth where values are no
    integers of 16 bits, or go through a modality LUT.
    """
    dataset = where[0]
    padded = _padded(dataset, stored)
    valid = stored if padded is None else stored[~padded]
    low, high = valid.min(), valid.max()
    held = stored.clip(low, high)
    # every step maps value by value, so it is done once for each value that can occur
    narrow = stored.dtype.kind in "ui" and stored.dtype.itemsize <= 2
    if narrow:
        domain = np.arange(int(low), int(high) + 1)
        index = held.astype(np.int64) - int(low)
    else:
        domain, index = np.unique(held, return_inverse=True)
    shown = _voi(where, _modality_values(where, domain), window)
    grey, notes = shown.grey, shown.notes
    inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
    if inverted:
        grey = 255 - grey
        notes.append("MONOCHROME1 inverted")
    pixels: NDArray[np.uint8] = grey[index]
    if padded is not None:
        pixels[padded] = 0
    depth = None
    if narrow and _lut(where, "ModalityLUTSequence") is None:
        table, first = _table(dataset, stored, grey, int(low), padded is not None)
        unit: Unit = "HU" if _in_hounsfield(where) else "value"
        depth = Depth(stored, table, shown.curve, first, *_rescale(where), inverted=inverted, unit=unit)
    return pixels, notes, depth


def _table(
    dataset: Dataset, stored: NDArray[Any], grey: NDArray[np.uint8], low: int, has_padding: bool
) -> tuple[NDArray[np.uint8], int]:
    """Grey of each value from the least on that is stored, and which that is; ``grey`` is that of ``low`` and more."""
    first, last = (int(stored.min()), int(stored.max())) if has_padding else (low, low + len(grey) - 1)
    values = np.arange(first, last + 1)
    table: NDArray[np.uint8] = grey[np.clip(values - low, 0, len(grey) - 1)]
    if has_padding:
        table[_is_padding(dataset, values)] = 0
    return table, first


def _padded(dataset: Dataset, stored: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where pixel padding lies, or None if nowhere or everywhere."""
    if not numbers([dataset], "PixelPaddingValue"):
        return None
    mask = _is_padding(dataset, stored)
    return mask if mask.any() and not mask.all() else None


def _is_padding(dataset: Dataset, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are the file's padding (PS3.3 C.7.5.1.1.2); it has some."""
    padding = numbers([dataset], "PixelPaddingValue")
    limit = numbers([dataset], "PixelPaddingRangeLimit") or padding
    mask: NDArray[np.bool_] = (values >= min(padding[0], limit[0])) & (values <= max(padding[0], limit[0]))
    return mask


def _rescale(where: list[Dataset]) -> tuple[float, float]:
    """Slope and intercept of the linear modality transform."""
    slope, intercept = numbers(where, "RescaleSlope"), numbers(where, "RescaleIntercept")
    return (slope[0], intercept[0]) if slope and intercept else (1.0, 0.0)


def _in_hounsfield(where: list[Dataset]) -> bool:
    """Without rescale, the values of a CT file are no Hounsfield units."""
    return modality(where[0]) == "CT" and bool(numbers(where, "RescaleIntercept"))


def _modality_values(where: list[Dataset], stored: NDArray[Any]) -> NDArray[Any]:
    lut = _lut(where, "ModalityLUTSequence")
    if lut is not None:
        return lut.apply(stored)
    scale = Rescale(*_rescale(where))
    return stored if scale == Rescale(1, 0) else scale.apply(stored)


def _voi(where: list[Dataset], values: NDArray[Any], window: WindowChoice | None) -> Shown:
    is_ct = _in_hounsfield(where)
    notes = []
    if isinstance(window, tuple):
        return _windowed(Window(*window), values, ["window as asked for"])
    if window is not None:
        if is_ct:
            return _windowed(CT_PRESETS[window], values, [f"CT window {window} as asked for"])
        notes.append(f"window {window} ignored: not a CT file in Hounsfield units")
    lut = _lut(where, "VOILUTSequence")
    if lut is not None:
        notes.append("VOI LUT of the file" + _of_several(value(where, "VOILUTSequence")))
        return Shown(lut.to_grey(values), notes, Curve.under(lut))
    own = _file_window(where)
    if own is not None:
        return _windowed(own, values, [*notes, "window of the file" + _of_several(numbers(where, "WindowCenter"))])
    if is_ct:
        bone = CT_PRESETS["bone"]
        note = f"CT bone window {bone.center:g},{bone.width:g}: the file has none"
        return _windowed(bone, values, [*notes, note])
    notes.append("no window in the file: smallest to largest value")
    low, high = float(values.min()), float(values.max())
    return Shown(range_to_grey(values, low, high), notes, Curve.between(low, high))


def _windowed(window: Window, values: NDArray[Any], notes: list[str]) -> Shown:
    return Shown(window.to_grey(values), notes, Curve.of(window))


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
