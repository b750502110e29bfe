"""A radiograph as a guarded process says it, and back: JSON and its arrays, believed as little as a file."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import ImageError
from edgefrac.imaging.depth import Curve, Depth, Unit
from edgefrac.imaging.limits import check_size
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.workers.document import NUMBER, Kind, fits, numbers
from edgefrac.workers.framing import Message

_NONE = type(None)
_FACTS: dict[str, Kind] = {
    "source_format": str,
    "modality": (str, _NONE),
    "view": (str, _NONE),
    "side": (str, _NONE),
    "slice_index": (int, _NONE),
    "chroma": NUMBER,
}
_RADIOGRAPH: dict[str, Kind] = {
    **_FACTS,
    "shape": list,
    "spacing_mm": (list, _NONE),
    "notes": list,
    "depth": (dict, _NONE),
}
_DEPTH: dict[str, Kind] = {
    "dtype": str,
    "curve": dict,
    "first": int,
    "slope": NUMBER,
    "intercept": NUMBER,
    "inverted": bool,
    "unit": str,
}
_CURVE: dict[str, Kind] = {"center": NUMBER, "width": NUMBER, "straight": bool}
_INTEGERS = frozenset(np.dtype(f"{sign}{size}").str for sign in "iu" for size in (1, 2, 4, 8))


def to_message(radiograph: Radiograph) -> Message:
    """All of it: blobs are the pixels and, where it has depth, the stored numbers and their table."""
    head: dict[str, Any] = {name: getattr(radiograph, name) for name in (*_FACTS, "spacing_mm", "notes")}
    head |= {"shape": radiograph.pixels.shape, "depth": None}
    blobs = [radiograph.pixels.tobytes()]
    if depth := radiograph.depth:
        head["depth"] = {
            "dtype": depth.stored.dtype.str,
            "curve": asdict(depth.curve),
            "first": int(depth.first),
            "slope": float(depth.slope),
            "intercept": float(depth.intercept),
            "inverted": bool(depth.inverted),
            "unit": depth.unit,
        }
        blobs += [depth.stored.tobytes(), depth.table.tobytes()]
    return head, blobs


def from_message(message: Message, name: str) -> Radiograph:
    """The radiograph of the file ``name``; its arrays are read-only. Raises ValueError for what is none."""
    head, blobs = message
    _require(fits(head, _RADIOGRAPH, _RADIOGRAPH) and numbers(head["shape"], 2))
    _require(all(isinstance(note, str) for note in head["notes"]) and len(blobs) == (3 if head["depth"] else 1))
    spacing = head["spacing_mm"]
    _require(spacing is None or numbers(spacing, 2))
    height, width = map(int, head["shape"])
    try:
        check_size(name, width, height)
    except ImageError as error:
        raise ValueError(error.message) from None
    return Radiograph(
        pixels=np.frombuffer(blobs[0], np.uint8).reshape(height, width),
        spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
        notes=tuple(head["notes"]),
        depth=_depth(head["depth"], blobs[1], blobs[2], (height, width)) if head["depth"] else None,
        **{fact: head[fact] for fact in _FACTS},
    )


def _depth(head: dict[str, Any], stored: bytes, table: bytes, shape: tuple[int, int]) -> Depth:
    _require(fits(head, _DEPTH, _DEPTH) and fits(head["curve"], _CURVE, _CURVE))
    _require(head["dtype"] in _INTEGERS and head["unit"] in get_args(Unit))
    numbers_of: NDArray[Any] = np.frombuffer(stored, head["dtype"]).reshape(shape)
    # whoever windows them looks each of them up
    _require(head["first"] <= int(numbers_of.min()) and int(numbers_of.max()) < head["first"] + len(table))
    facts = {fact: head[fact] for fact in ("first", "slope", "intercept", "inverted", "unit")}
    return Depth(numbers_of, np.frombuffer(table, np.uint8), Curve(**head["curve"]), **facts)


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError("not a radiograph")
