"""Activation ranges: what calibration saw, and the statistic that turns it into a range per tensor.

Ranges are keyed by the tensor's place in the float graph ("012:CONV_2D:80x80x24"), so that ranges taken when a
network was trained still fit when it is exported elsewhere, and are refused when they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]


@dataclass
class RangeObserver:
    """Collects, per tensor and radiograph, the smallest and the largest value outside a share of outliers.

    The range is the mean over radiographs of these extremes (as NNCF's default does), so that one odd radiograph does
    not stretch the scale of all others.
    """

    outliers: float = 0.0
    _low: dict[str, list[float]] = field(default_factory=dict)
    _high: dict[str, list[float]] = field(default_factory=dict)

    def observe(self, key: str, values: NDArray[np.float32]) -> None:
        """Record one radiograph's values of tensor ``key``."""
        if self.outliers:
            low, high = np.quantile(values, [self.outliers, 1 - self.outliers])
        else:
            low, high = values.min(), values.max()
        self._low.setdefault(key, []).append(float(low))
        self._high.setdefault(key, []).append(float(high))

    def ranges(self) -> dict[str, Range]:
        """One (low, high) per tensor, 0 included."""
        return {
            key: (min(0.0, float(np.mean(self._low[key]))), max(0.0, float(np.mean(self._high[key]))))
            for key in self._low
        }
