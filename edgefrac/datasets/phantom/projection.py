"""X-ray projection of tubes: the length of tissue that each ray crosses, pixel by pixel.

A ray that passes the axis of an elliptical tube at distance v crosses 2·b·sqrt(1 - (v/a)²), with a the half-width in
the image plane and b the half-depth along the ray. Rotating an ellipse (p, q) by φ about the limb's axis gives
a² = (p·cos φ)² + (q·sin φ)² and b = p·q/a.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, hypot, sin

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.phantom.tube import STEPS, S, Table, Tube, Vector

Raster = NDArray[np.float32]
Window = tuple[slice, slice]


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

    def sideways(self, x: float, z: float) -> float:
        """A patient's horizontal offset (mm) as seen across the image, before ``theta``."""
        return x * cos(self.phi) + z * sin(self.phi)

    def project(self, point: Vector) -> tuple[float, float]:
        """(column, row) of a patient's point."""
        across = self.sideways(point[0] - self.centre[0], point[2] - self.centre[2])
        across = -across if self.mirror else across
        along = point[1] - self.centre[1]
        column = self.column + self.scale * (across * cos(self.theta) - along * sin(self.theta))
        row = self.row + self.scale * (across * sin(self.theta) + along * cos(self.theta))
        return column, row


@dataclass(frozen=True)
class Section:
    """A tube as one view sees it, on its window of the raster; all lengths in pixels.

    ``u`` runs along the axis from the start, ``v`` across it, both float32 over the window. The tables run over ``S``.
    """

    window: Window
    u: Raster
    v: Raster
    length: float
    centre: Table
    half_width: Table
    half_depth: Table
    shell: Table

    def index(self, along: Raster) -> NDArray[np.intp]:
        """Table positions of coordinates along the axis."""
        position: NDArray[np.intp] = np.clip(along * np.float32(STEPS / self.length), 0, STEPS - 1).astype(np.intp)
        return position

    def chords(self, along: Raster, across: Raster) -> tuple[Raster, Raster]:
        """(whole, core) path lengths in pixels at coordinates relative to the axis; 0 outside."""
        at = self.index(along)
        inside = (along >= 0) & (along <= self.length)
        v = across - self.centre.astype(np.float32)[at]
        a, b, shell = (table.astype(np.float32)[at] for table in (self.half_width, self.half_depth, self.shell))
        whole = np.where(inside, _chord(v, a, b), np.float32(0))
        core = np.where(inside, _chord(v, a - shell, b - shell), np.float32(0))
        return whole, core


def section(tube: Tube, view: View, margin: float = 0.0, span: tuple[float, float] = (0.0, 1.0)) -> Section | None:
    """The tube's section in this view, or None if it lies outside the raster.

    The window holds the part of the tube in ``span`` (from 0, its start, to 1) and ``margin`` more pixels around it.
    """
    (x0, y0), (x1, y1) = view.project(tube.start), view.project(tube.end)
    length = hypot(x1 - x0, y1 - y0)
    half = (tube.left + tube.right) / 2
    squash = np.sqrt(cos(view.phi) ** 2 + (tube.depth * sin(view.phi)) ** 2)
    bow = view.sideways(*tube.bow) * 4 * S * (1 - S)
    lean = (tube.right - tube.left) / 2 * cos(view.phi)
    hand = -1.0 if view.mirror else 1.0
    centre = hand * view.scale * (bow + lean)
    half_width = view.scale * half * squash
    reach = float(np.max(np.abs(centre) + half_width)) + margin + 2
    xs, ys = ((p0 + span[0] * (p1 - p0), p0 + span[1] * (p1 - p0)) for p0, p1 in ((x0, x1), (y0, y1)))
    window = _window(xs, ys, reach, view)
    if window is None or length < 2:
        return None
    along, across = ((x1 - x0) / length, (y1 - y0) / length), ((y1 - y0) / length, -(x1 - x0) / length)
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] + np.float32(0.5)
    columns = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] + np.float32(0.5)
    u = (columns - np.float32(x0)) * np.float32(along[0]) + (rows - np.float32(y0)) * np.float32(along[1])
    v = (columns - np.float32(x0)) * np.float32(across[0]) + (rows - np.float32(y0)) * np.float32(across[1])
    half_depth = view.scale * half * tube.depth / squash
    return Section(window, u, v, length, centre, half_width, half_depth, view.scale * tube.shell)


def _chord(v: Raster, a: Raster, b: Raster) -> Raster:
    safe = np.maximum(a, np.float32(1e-3))
    ratio = v / safe
    chord = 2 * b * np.sqrt(np.maximum(1 - ratio * ratio, np.float32(0)))
    return np.where((a > 0) & (b > 0), chord, np.float32(0)).astype(np.float32)


def _window(xs: tuple[float, float], ys: tuple[float, float], reach: float, view: View) -> Window | None:
    left, right = max(0, int(min(xs) - reach)), min(view.width, int(max(xs) + reach) + 1)
    top, bottom = max(0, int(min(ys) - reach)), min(view.height, int(max(ys) + reach) + 1)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)
