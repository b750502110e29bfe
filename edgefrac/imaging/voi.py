"""Stored values -> grey for display, as DICOM orders it: modality LUT, then VOI LUT or window, then 8 bit.

Sources: DICOM PS3.3 C.11.1 (modality LUT), C.11.2 (VOI LUT, windows). Nothing here knows of files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]


@dataclass(frozen=True)
class Lut:
    """A lookup table: value ``first`` maps to ``entries[0]``, values outside it to its nearest end (PS3.3 C.11.1.1)."""

    first: int
    entries: NDArray[np.int64]
    bits: int

    def apply(self, values: Values) -> NDArray[np.int64]:
        """Look up integer-valued ``values`` of any shape and dtype."""
        index = np.clip(np.rint(values).astype(np.int64) - self.first, 0, len(self.entries) - 1)
        found: NDArray[np.int64] = self.entries[index]
        return found

    def to_grey(self, values: Values) -> NDArray[np.uint8]:
        """Look up and scale the table's nominal range, 0 to 2^bits - 1, to 0..255."""
        return range_to_grey(self.apply(values), 0, (1 << self.bits) - 1)


@dataclass(frozen=True)
class Rescale:
    """The linear modality transform: stored value · ``slope`` + ``intercept``."""

    slope: float
    intercept: float

    def apply(self, values: Values) -> NDArray[np.float64]:
        """Rescale ``values`` of any shape and dtype."""
        return values.astype(np.float64) * self.slope + self.intercept


@dataclass(frozen=True)
class Window:
    """A VOI window in modality units; ``function`` is LINEAR, LINEAR_EXACT or SIGMOID (PS3.3 C.11.2.1.2 and .3)."""

    center: float
    width: float
    function: str = "LINEAR"

    @property
    def is_possible(self) -> bool:
        """The standard's condition on the width."""
        return self.width >= 1 if self.function == "LINEAR" else self.width > 0

    def to_grey(self, values: Values) -> NDArray[np.uint8]:
        """Window ``values`` of any shape and dtype to 0..255."""
        offset = values.astype(np.float64) - self.center
        if self.function == "SIGMOID":
            with np.errstate(over="ignore"):  # exp overflows to infinity far below the window: grey 0, as it should be
                return _to_byte(1 / (1 + np.exp(-4 * offset / self.width)))
        if self.function == "LINEAR_EXACT":
            return _to_byte(offset / self.width + 0.5)
        if self.width == 1:
            return _to_byte(offset > -0.5)
        return _to_byte((offset + 0.5) / (self.width - 1) + 0.5)


CT_PRESETS = {"bone": Window(400, 1800), "soft-tissue": Window(40, 400)}
"""Windows in HU by name, as CT consoles commonly set them; bone is used where a CT file brings no window."""

WindowChoice = tuple[float, float] | str
"""A window asked for: (center, width) in modality units, or the name of a CT preset."""


def range_to_grey(values: Values, low: float, high: float) -> NDArray[np.uint8]:
    """Map ``low``..``high`` linearly to 0..255; all 0 if the range is empty."""
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    return _to_byte((values.astype(np.float64) - low) / (high - low))


def _to_byte(share: Values) -> NDArray[np.uint8]:
    return np.floor(np.clip(share, 0, 1) * 255 + 0.5).astype(np.uint8)


def window_from(text: str) -> WindowChoice:
    """'40,400' -> (center, width); the name of a CT preset stays one. Raises ``ValueError`` for anything else."""
    if text in CT_PRESETS:
        return text
    center, width = map(float, text.split(","))
    return center, width
