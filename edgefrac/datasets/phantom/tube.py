"""The one solid of a phantom: a bone, a joint end or a limb as an elliptical tube with shell and core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]
Vector = tuple[float, float, float]

STEPS = 512
S: Table = (np.arange(STEPS) + 0.5) / STEPS  # position along a tube, 0 = start, 1 = end


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
        return float(np.linalg.norm(np.subtract(self.end, self.start)))

    def point(self, s: float) -> Vector:
        """The point on the straight axis at ``s``, mm."""
        x, y, z = (a + s * (b - a) for a, b in zip(self.start, self.end, strict=True))
        return x, y, z


def outline(*points: tuple[float, float], cap: float = 0.012) -> Table:
    """Half-widths over ``S`` through (s, mm) points, smoothed; both ends are rounded over ``cap`` of the length."""
    positions, widths = zip(*points, strict=True)
    raw = np.interp(np.linspace(-0.04, 1.04, STEPS + 40), positions, widths)
    smooth = np.convolve(raw, np.full(41, 1 / 41), mode="valid")[:STEPS]
    to_end = np.minimum(np.minimum(S, 1 - S) / cap, 1.0)
    return np.asarray(smooth * np.sqrt(1 - (1 - to_end) ** 2))


def ellipse(half_width: float) -> Table:
    """Half-widths over ``S`` of an ellipsoid."""
    return np.asarray(half_width * np.sqrt(1 - (2 * S - 1) ** 2))


def constant(value: float) -> Table:
    """The same value all along a tube."""
    return np.full(STEPS, value)
