"""Fractures of a tube: a rough surface through the bone, and two fragments that may gap, shift, kink or overlap.

The surface crosses the bone's front and back wall along two lines, which part when the surface is oblique to the ray:
this is why a fracture clear in one view can be faint in the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from edgefrac.datasets.phantom.projection import Raster, Section, View

KINDS = ("transverse", "oblique", "spiral", "hairline")
_ROUGH_STEPS = 64


@dataclass(frozen=True)
class Fracture:
    """A fracture of bone ``bone`` at ``s`` along it; lengths in mm, x to the side and z in depth.

    ``slope`` is the surface's rise along the bone per mm in x and in z; ``pitch`` the rise of a spiral over half a
    turn; ``shift`` and ``kink`` move the fragments across the axis, by a step and by an angle; ``overlap`` is the
    shortening. ``depth`` is the share of the width that is broken through, from one side (over 1: all). ``rough`` is
    the profile of the broken edge. Nothing of the fracture is farther than ``reach`` from the bone at ``s``.
    """

    bone: int
    kind: str
    s: float
    gap: float
    slope: tuple[float, float]
    pitch: float
    shift: tuple[float, float]
    kink: tuple[float, float]
    overlap: float
    depth: float
    rough: tuple[float, ...]
    reach: float


def draw_fracture(rng: np.random.Generator, bone: int, s: float, half_width: float, difficulty: float) -> Fracture:
    """Draw a fracture of a bone of ``half_width`` mm: gaping and displaced at difficulty 0, a hairline at 1."""
    ease = 1.0 - difficulty
    kind = str(rng.choice(KINDS, p=_kind_odds(difficulty)))
    whole = kind != "hairline"
    steep = {"transverse": 0.15, "oblique": 0.9, "spiral": 0.3, "hairline": 0.5}[kind]
    direction, turn, angle = rng.uniform(0, 2 * np.pi, 3)
    shift = half_width * whole * (0.1 + ease * rng.uniform(0.2, 1.1))
    kink = half_width * whole * ease * rng.uniform(0.1, 1.1)
    rough = np.cumsum(rng.normal(0, 1, _ROUGH_STEPS))
    rough = (rough - np.linspace(rough[0], rough[-1], _ROUGH_STEPS)) * half_width * rng.uniform(0.015, 0.05)
    return Fracture(
        bone=bone,
        kind=kind,
        s=s,
        gap=half_width * (0.09 + 0.3 * ease * rng.uniform(0.3, 1.0)),
        slope=(steep * sin(direction), steep * cos(direction)),
        pitch=half_width * rng.uniform(1.2, 3.0) if kind == "spiral" else 0.0,
        shift=(shift * cos(turn), shift * sin(turn)),
        kink=(kink * cos(angle), kink * sin(angle)),
        overlap=half_width * whole * ease * float(rng.choice([0.0, rng.uniform(0.2, 0.9)])),
        depth=1.1 if whole else rng.uniform(0.55, 1.0),
        rough=tuple(rough.tolist()),
        reach=half_width * 3.0 + float(np.max(np.abs(rough))),
    )


def _kind_odds(difficulty: float) -> list[float]:
    hairline = 0.1 + 0.6 * difficulty**2
    return [(1 - hairline) * share for share in (0.35, 0.4, 0.25)] + [hairline]


def broken_chords(part: Section, fracture: Fracture, view: View) -> tuple[Raster, Raster, Raster]:
    """(whole, core) path lengths of the broken tube in pixels, and how much of each pixel is fracture (0 to 1)."""
    at = part.index(part.u)
    place = np.float32(fracture.s * part.length)
    gap = np.float32(max(fracture.gap * view.scale, 0.6))
    u_near, v_near, u_far, v_far = _fragments(part, fracture, view)
    near = _surfaces(part, fracture, view, v_near)
    far = _surfaces(part, fracture, view, v_far)
    half = part.half_width.astype(np.float32)[at]
    reached = _step((2 * np.float32(fracture.depth) - 1) * half - (part.v - part.centre.astype(np.float32)[at]))
    whole_near, core_near = part.chords(u_near, v_near)
    whole_far, core_far = part.chords(u_far, v_far)
    keep_near, keep_far, mark = (np.zeros_like(part.u) for _ in range(3))
    for line_near, line_far in zip(near, far, strict=True):
        before, after = place + line_near - u_near, u_far - place - line_far
        keep_near += 0.5 * (reached * _step(before - gap / 2) + (1 - reached) * _step(before))
        keep_far += 0.5 * (reached * _step(after - gap / 2) + (1 - reached) * _step(after))
        edge_near = _step(gap / 2 + 1 - np.abs(before)) * (whole_near > 0)
        edge_far = _step(gap / 2 + 1 - np.abs(after)) * (whole_far > 0)
        lapped = (np.minimum(before, after) > 1) & (np.minimum(whole_near, whole_far) > 0)
        mark = np.maximum(mark, reached * np.maximum(np.maximum(edge_near, edge_far), lapped))
    whole = whole_near * keep_near + whole_far * keep_far
    core = core_near * keep_near + core_far * keep_far
    return whole.astype(np.float32), core.astype(np.float32), np.asarray(mark, dtype=np.float32)


def _fragments(part: Section, fracture: Fracture, view: View) -> tuple[Raster, Raster, Raster, Raster]:
    """Coordinates of each pixel within the near and the far fragment; their far ends stay in their joints."""
    hand = -1.0 if view.mirror else 1.0
    shift = np.float32(hand * view.scale * view.sideways(*fracture.shift) / 2)
    kink = np.float32(hand * view.scale * view.sideways(*fracture.kink))
    place = np.float32(fracture.s * part.length)
    to_near = np.clip(part.u / place, 0, 1.2)
    to_far = np.clip((part.length - part.u) / (np.float32(part.length) - place), 0, 1.2)
    v_near = part.v - (kink - shift) * to_near
    v_far = part.v - (kink + shift) * to_far
    u_far = part.u + np.float32(fracture.overlap * view.scale) * to_far
    return part.u, v_near, u_far, v_far


def _surfaces(part: Section, fracture: Fracture, view: View, across: Raster) -> tuple[Raster, Raster]:
    """Where the surface crosses the front and the back wall: offset along the axis, pixels."""
    at = part.index(part.u)
    a = np.maximum(part.half_width.astype(np.float32)[at], np.float32(0.5))
    ratio = np.clip((across - part.centre.astype(np.float32)[at]) / a, -1, 1)
    root = np.sqrt(1 - ratio * ratio) * part.half_depth.astype(np.float32)[at]
    hand = -1.0 if view.mirror else 1.0
    slope_x, slope_z = fracture.slope
    in_plane = np.float32(hand * (slope_x * cos(view.phi) + slope_z * sin(view.phi)))
    in_depth = np.float32(-slope_x * sin(view.phi) + slope_z * cos(view.phi))
    rough = np.asarray(fracture.rough, dtype=np.float32) * np.float32(view.scale)
    ragged = rough[((ratio + 1) * np.float32((len(rough) - 1) / 2)).astype(np.intp)]
    spiral = np.float32(fracture.pitch * view.scale / 2) * ratio
    base = in_plane * ratio * a + ragged
    return base + in_depth * root + spiral, base - in_depth * root - spiral


def _step(x: Raster) -> Raster:
    """A step one pixel wide, so that edges are not jagged."""
    step: Raster = np.clip(x + np.float32(0.5), 0, 1)
    return step
