"""X-ray projection of tubes: the length of tissue that each ray crosses, pixel by pixel.

A ray that passes the axis of an elliptical tube at distance v crosses 2·b·sqrt(1 - (v/a)²), with a the half-width in
the image plane and b the half-depth along the ray. Rotating an ellipse (p, q) by φ about the limb's axis gives
a² = (p·cos φ)² + (q·sin φ)² and b = p·q/a. A tube that leans towards the ray is crossed at a slant, so over a longer
way. Only +, -, ×, ÷ and square roots touch single-precision pixels: these round alike on every machine (IEEE 754).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, sin

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.phantom.tube import STEPS, S, Tube, Vector

Raster = NDArray[np.float32]
Pixels = NDArray[np.intp]

_STEEPEST = 0.6  # of its length; a tube that looks shorter is seen end-on, where this model does not hold


@dataclass(frozen=True)
class View:
    """How a patient is looked at: turned by ``phi`` about y, then by ``theta`` in the plane, ``scale`` pixels per mm.

    The patient's point ``centre`` (mm) falls on pixel (``column``, ``row``) of a raster of ``height``×``width``.
    """

    phi: float
    theta: float
    scale: float
    mirror: bool
    centre: Vector
    column: float
    row: float
    height: int
    width: int

    @property
    def hand(self) -> float:
        """-1 in a mirrored view, else 1."""
        return -1.0 if self.mirror else 1.0

    def sideways(self, x: float, z: float) -> float:
        """A patient's horizontal offset (mm) as seen across the image, before ``theta``."""
        return self.hand * (x * cos(self.phi) + z * sin(self.phi))

    def project(self, point: Vector) -> tuple[float, float]:
        """(column, row) of a patient's point."""
        across = self.sideways(point[0] - self.centre[0], point[2] - self.centre[2])
        along = point[1] - self.centre[1]
        column = self.column + self.scale * (across * cos(self.theta) - along * sin(self.theta))
        row = self.row + self.scale * (across * sin(self.theta) + along * cos(self.theta))
        return column, row


@dataclass(frozen=True)
class Section:
    """A tube as one view sees it, on the pixels near it; all lengths in pixels.

    ``pixels`` are positions in the flattened raster; ``u`` runs along the axis from the start, ``v`` across it, both
    float32 over ``pixels``. The tables run over ``S``.
    """

    pixels: Pixels
    u: Raster
    v: Raster
    length: float
    centre: Raster
    half_width: Raster
    half_depth: Raster
    shell: Raster

    def index(self, along: Raster) -> Pixels:
        """Table positions of coordinates along the axis."""
        position = np.clip(along * np.float32(STEPS / self.length), 0, STEPS - 1)
        return np.asarray(position.astype(np.intp))

    def chords(self, along: Raster, across: Raster) -> tuple[Raster, Raster]:
        """(whole, core) path lengths in pixels at coordinates relative to the axis; 0 outside."""
        at = self.index(along)
        v = across - self.centre[at]
        a, b, shell = self.half_width[at], self.half_depth[at], self.shell[at]
        inside = (along >= 0) & (along <= np.float32(self.length))
        return _chord(v, a, b) * inside, _chord(v, a - shell, b - shell) * inside


def section(tube: Tube, view: View, margin: float = 0.0, span: tuple[float, float] = (0.0, 1.0)) -> Section | None:
    """The tube's section in this view, or None if it lies outside the raster.

    It holds the part of the tube in ``span`` (from 0, its start, to 1) and ``margin`` more pixels around it.
    """
    (x0, y0), (x1, y1) = view.project(tube.start), view.project(tube.end)
    length = hypot(x1 - x0, y1 - y0)
    slant = length / (view.scale * tube.length)
    if slant < _STEEPEST or length < 1:
        return None
    half = (tube.left + tube.right) / 2
    squash = np.sqrt(cos(view.phi) ** 2 + (tube.depth * sin(view.phi)) ** 2)
    lean = view.hand * (tube.right - tube.left) / 2 * cos(view.phi)
    centre = view.scale * (view.sideways(*tube.bow) * 4 * S * (1 - S) + lean)
    half_width = view.scale * half * squash
    half_depth = view.scale * half * tube.depth / squash / slant
    reach = float(np.max(np.abs(centre) + half_width)) + margin + 2
    ends = tuple(p0 + part * (p1 - p0) for part in span for p0, p1 in ((x0, x1), (y0, y1)))
    low, high = span[0] * length - margin - 2, span[1] * length + margin + 2
    grid = _grid(ends, reach, view)
    if grid is None:
        return None
    rows, columns = grid
    way = np.float32((x1 - x0) / length), np.float32((y1 - y0) / length)
    across, down = columns + np.float32(0.5 - x0), rows + np.float32(0.5 - y0)
    u = across * way[0] + down * way[1]
    v = across * way[1] - down * way[0]
    near = np.abs(v) < np.float32(reach)
    near &= np.abs(u - np.float32((low + high) / 2)) < np.float32((high - low) / 2)
    pixels = (rows.astype(np.intp) * view.width + columns.astype(np.intp))[near]
    tables = (table.astype(np.float32) for table in (centre, half_width, half_depth, view.scale * tube.shell))
    return Section(pixels, u[near], v[near], length, *tables)


def merged(one: Raster, other: Raster) -> Raster:
    """The larger of two path lengths, rounded where they cross, so that grown-together parts show no crease."""
    blend = np.float32(0.5) * np.minimum(one, other)
    overlap = np.maximum(blend - np.abs(one - other), np.float32(0))
    return np.asarray(np.maximum(one, other) + overlap * overlap / (4 * blend + np.float32(1e-6)))


def _chord(v: Raster, a: Raster, b: Raster) -> Raster:
    ratio = v / np.maximum(a, np.float32(1e-3))
    return np.asarray(2 * np.maximum(b, np.float32(0)) * np.sqrt(np.maximum(1 - ratio * ratio, np.float32(0))))


def _grid(ends: tuple[float, ...], reach: float, view: View) -> tuple[Raster, Raster] | None:
    """Rows [h, 1] and columns [1, w] of the window around two ends."""
    xs, ys = ends[::2], ends[1::2]
    left, right = max(0, int(min(xs) - reach)), min(view.width, int(max(xs) + reach) + 1)
    top, bottom = max(0, int(min(ys) - reach)), min(view.height, int(max(ys) + reach) + 1)
    if left >= right or top >= bottom:
        return None
    return np.arange(top, bottom, dtype=np.float32)[:, None], np.arange(left, right, dtype=np.float32)[None, :]
