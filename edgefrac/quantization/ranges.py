"""Activation ranges: what calibration saw, and the statistic that turns it into a range per tensor.

Ranges are keyed by the tensor's place in the float graph ("012:CONV_2D:80x80x24"), so that ranges taken when a
network was trained still fit when it is exported elsewhere, and are refused when they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]
_SHARE = 0.95
_MARGIN = 1.25  # an evidence peak larger than any in calibration must not be cut: it is what the logit is made of


@dataclass
class RangeObserver:
    """Collects the smallest and the largest value of each tensor in each radiograph.

    Inside the network a range covers 95 % of the radiographs, so that one odd film does not stretch the scale of all
    others. Tensors in ``whole``, such as the evidence map, are covered entirely and with a margin.
    """

    whole: frozenset[str] = frozenset()
    _low: dict[str, list[float]] = field(default_factory=dict)
    _high: dict[str, list[float]] = field(default_factory=dict)

    def observe(self, key: str, values: NDArray[np.float32]) -> None:
        """Record one radiograph's values of tensor ``key``."""
        self._low.setdefault(key, []).append(float(values.min()))
        self._high.setdefault(key, []).append(float(values.max()))

    def ranges(self) -> dict[str, Range]:
        """One (low, high) per tensor, 0 included."""
        return {key: self._range(key) for key in self._low}

    def _range(self, key: str) -> Range:
        if key in self.whole:
            return min(0.0, _MARGIN * min(self._low[key])), max(0.0, _MARGIN * max(self._high[key]))
        low = float(np.quantile(self._low[key], 1 - _SHARE))
        return min(0.0, low), max(0.0, float(np.quantile(self._high[key], _SHARE)))
