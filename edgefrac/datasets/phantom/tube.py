"""The one solid of a phantom: a bone, a joint end or a limb as an elliptical tube with shell and core."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import dist

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
Vector = tuple[float, float, float]
Points = tuple[tuple[float, float], ...]

STEPS = 512
S: Table = (np.arange(STEPS) + 0.5) / STEPS  # position along a tube, 0 = start, 1 = end
_SMOOTH = 31  # steps over which an outline's corners are rounded


@dataclass(frozen=True)
class Tube:
    """A tube from ``start`` to ``end`` (mm; x to the side, y along the limb, z in depth).

    ``left`` and ``right`` are half-widths in mm over ``S``; the cross-section is an ellipse whose depth is
    ``depth`` times its width. ``bow`` is the sag (mm in x, z) at mid-length. The ``shell`` (mm over ``S``) attenuates
    by ``mu_shell`` and the core by ``mu_core`` (over ``S``), both per mm. ``texture`` scales the grain of the core.
    """

    start: Vector
    end: Vector
    left: Table
    right: Table
    shell: Table
    mu_shell: float
    mu_core: Table
    depth: float = 1.0
    bow: tuple[float, float] = (0.0, 0.0)
    texture: float = 0.0

    @property
    def length(self) -> float:
        """Distance from start to end in mm."""
        return dist(self.start, self.end)

    def half_width(self, s: float) -> float:
        """Half the width at ``s``, mm."""
        step = min(int(s * STEPS), STEPS - 1)
        return float(self.left[step] + self.right[step]) / 2

    def point(self, s: float) -> Vector:
        """The point on the bowed axis at ``s``, mm."""
        x, y, z = (a + s * (b - a) for a, b in zip(self.start, self.end, strict=True))
        sag = 4 * s * (1 - s)
        return x + sag * self.bow[0], y, z + sag * self.bow[1]

    def moved(self, place: Vector, size: float = 1.0) -> Tube:
        """The tube grown by ``size`` about the origin, then moved by ``place`` mm."""

        def put(point: Vector) -> Vector:
            x, y, z = (size * p + q for p, q in zip(point, place, strict=True))
            return x, y, z

        widths = {name: size * getattr(self, name) for name in ("left", "right", "shell")}
        bow = (size * self.bow[0], size * self.bow[1])
        return replace(self, start=put(self.start), end=put(self.end), bow=bow, **widths)

    def mirrored(self) -> Tube:
        """The tube on the body's other side: x turned into -x."""
        start, end = ((-x, y, z) for x, y, z in (self.start, self.end))
        return replace(self, start=start, end=end, left=self.right, right=self.left, bow=(-self.bow[0], self.bow[1]))

    def part(self, low: float, high: float) -> tuple[Vector, Vector, Table]:
        """Start, end and half-widths (over ``S``) of the stretch from ``low`` to ``high``."""
        half = np.interp(low + S * (high - low), S, (self.left + self.right) / 2)
        return self.point(low), self.point(high), np.asarray(half)


def outline(*points: tuple[float, float], cap: float = 0.012) -> Table:
    """Half-widths over ``S`` through (s, mm) points, smoothed; both ends are rounded over ``cap`` of the length."""
    positions, widths = zip(*points, strict=True)
    margin = _SMOOTH // 2
    raw = np.interp((np.arange(-margin, STEPS + margin) + 0.5) / STEPS, positions, widths)
    sums = np.cumsum(np.concatenate(([0.0], raw)))
    smooth = (sums[_SMOOTH:] - sums[:-_SMOOTH]) / _SMOOTH
    to_end = np.minimum(np.minimum(S, 1 - S) / cap, 1.0)
    return np.asarray(smooth * np.sqrt(1 - (1 - to_end) ** 2))


def ellipse(half_width: float, blunt: float = 2.0) -> Table:
    """Half-widths over ``S`` of an ellipsoid; the higher ``blunt``, the more of a barrel."""
    return np.asarray(half_width * np.sqrt(1 - np.abs(2 * S - 1) ** blunt))


def constant(value: float) -> Table:
    """The same value all along a tube."""
    return np.full(STEPS, value)
