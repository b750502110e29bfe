"""Does a picture itself tell who the patient is? What the file says of that, and whether the pixels look like text.

No reading of letters: a line of text is a narrow band in which every row crosses many thin strokes of high contrast,
with less of them right above or right below it. Bones side by side cross as many, but go on above and below; a lone
side marker has too few. Measured by ``python -m benchmarks.burned_in``; docs/privacy.md has the figures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.radiograph import Radiograph

ANNOTATED = "the file says that text is burned into the picture"
RECOGNISABLE = "the file says that a person can be recognised in the picture"

_SIDE = 1000
"""Pictures are looked at in about this size, on their longer side in pixels."""
_CONTRAST = 60
"""Grey levels by which a stroke is brighter, or darker, than what is left and right of it."""
_REACH = 4
"""So far from a stroke's place in pixels is that looked for, so a stroke is narrower than twice that."""
_CELL = 4
"""Strokes are counted in cells of this side in pixels."""
_HEIGHTS = (2, 3, 4, 6)
"""Of the bands of text that are looked for, in cells."""
_NARROWEST = 10
_WIDTH_OF_HEIGHT = 4
_AROUND = 2
"""So many times are the strokes of a band's emptier neighbour taken off its own, for what goes on is no text."""
_MIDDLE = 1
"""Strokes a row that a band must have more in the middle of the picture, where hands and feet lie and text hardly."""
STROKES = 2.5
"""Strokes in a row of a band, less those taken off, from which on it looks like text."""


def identifying(radiograph: Radiograph) -> str | None:
    """Why the picture itself may tell who the patient is; None where nothing speaks for that.

    None is no promise: small, faint, curved or handwritten text is not found, nor is text that runs upwards.
    """
    reasons = [said for said in (ANNOTATED, RECOGNISABLE) if said in radiograph.notes]
    strokes, place = band_of_text(radiograph.pixels)
    if strokes >= STROKES:
        reasons.append(f"there may be burned-in text ({place})")
    return "; ".join(reasons) or None


def band_of_text(pixels: NDArray[np.uint8]) -> tuple[float, str]:
    """How much the likeliest line of text in uint8 [H, W] looks like one, in strokes a row, and its place in words."""
    picture = _reduced(pixels)
    best, place = 0.0, ""
    for starts in _strokes(picture):
        counts = _in_cells(starts)
        below = np.zeros((counts.shape[0] + 1, counts.shape[1] + 1), np.int32)
        np.cumsum(np.cumsum(counts, axis=0, dtype=np.int32), axis=1, out=below[1:, 1:])
        for height in _HEIGHTS:
            width = max(_NARROWEST, _WIDTH_OF_HEIGHT * height)
            if counts.shape[0] < height or counts.shape[1] < width:
                continue
            bands = _standing_out(below, height, width)
            rows, columns = (slice(side // 3, side - side // 3) for side in bands.shape)
            bands[rows, columns] -= _MIDDLE * height * _CELL
            at = int(bands.argmax())
            if (strokes := float(bands.flat[at]) / (height * _CELL)) > best:
                row, column = divmod(at, bands.shape[1])
                down, across = (row + height / 2) / counts.shape[0], (column + width / 2) / counts.shape[1]
                best, place = strokes, _place(down, across)
    return best, place


def _reduced(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = max(1, round(max(pixels.shape) / _SIDE))
    if factor == 1:
        return pixels
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).reduce(factor))


def _strokes(picture: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where bright and where dark strokes begin, seen along the rows."""
    if picture.shape[1] <= 2 * _REACH + 1:
        nothing = np.zeros((picture.shape[0], 1), np.bool_)
        return nothing, nothing
    raised = np.minimum(picture, np.uint8(255 - _CONTRAST)) + np.uint8(_CONTRAST)
    up = picture[:, _REACH:] > raised[:, :-_REACH]
    down = picture[:, :-_REACH] > raised[:, _REACH:]
    bright = up[:, :-_REACH] & down[:, _REACH:]
    dark = down[:, :-_REACH] & up[:, _REACH:]
    return bright[:, 1:] > bright[:, :-1], dark[:, 1:] > dark[:, :-1]


def _in_cells(starts: NDArray[np.bool_]) -> NDArray[np.uint8]:
    rows, columns = (side // _CELL * _CELL for side in starts.shape)
    ones = starts[:rows, :columns].view(np.uint8)
    strips = _total([ones[i::_CELL] for i in range(_CELL)])
    return _total([strips[:, i::_CELL] for i in range(_CELL)])


def _total(parts: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Faster for a few long arrays than a sum along an axis."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def _standing_out(below: NDArray[np.int32], height: int, width: int) -> NDArray[np.int32]:
    """Of each band its strokes, less what its neighbours above and below take off.

    At the picture's edge the one neighbour that there is counts.
    """
    tall = below[height:] - below[:-height]
    bands = tall[:, width:] - tall[:, :-width]
    away = height + 1
    above, under = bands.copy(), bands.copy()
    above[away:], under[:-away] = bands[:-away], bands[away:]
    return np.asarray(bands - _AROUND * np.minimum(above, under))


def _place(down: float, across: float) -> str:
    """Such as "top left", of shares of height and width."""
    row = ("top", "", "bottom")[min(2, int(down * 3))]
    column = ("left", "", "right")[min(2, int(across * 3))]
    return f"{row} {column}".strip() or "middle"
