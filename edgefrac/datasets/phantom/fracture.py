"""Fractures of a tube: rough surfaces through the bone, and fragments that may gap, shift, kink or overlap.

A surface crosses the bone's front and back wall along two lines, which part when the surface is oblique to the ray:
this is why a fracture clear in one view can be faint in the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from edgefrac.datasets.phantom.projection import Raster, Section, View

KINDS = ("transverse", "oblique", "spiral", "comminuted", "greenstick", "impacted", "hairline", "avulsion")
DIFFICULTIES = ("easy", "medium", "hard")
_EASE = {"easy": (1.0, 1.4), "medium": (0.45, 0.7), "hard": (0.0, 0.22)}
_STEEP = {"oblique": (0.6, 1.1), "spiral": (0.2, 0.5), "hairline": (0.0, 0.8), "comminuted": (0.0, 0.6)}
_ROUGH_STEPS = 64


@dataclass(frozen=True)
class Fracture:
    """A fracture at ``s`` along a bone's shaft; lengths in mm, x to the side and z in depth.

    ``slope`` is the surface's rise along the bone per mm in x and in z; ``pitch`` the rise of a spiral over half a
    turn; ``shift`` and ``kink`` move the fragments across the axis, by a step and by an angle; ``overlap`` is the
    shortening. ``depth`` is the share of the width that is broken through, from one side (over 1: all). ``shatter`` is
    half the length of the shattered stretch between the fragments; ``chip`` the share of the width that a torn-off
    corner takes. ``rough`` is the profile of the broken edge. Nothing of the fracture is farther than ``reach`` from
    the bone at ``s``.
    """

    kind: str
    s: float
    gap: float
    slope: tuple[float, float]
    pitch: float
    shift: tuple[float, float]
    kink: tuple[float, float]
    overlap: float
    depth: float
    shatter: float
    chip: float
    rough: tuple[float, ...]
    reach: float


@dataclass(frozen=True)
class _Piece:
    """A fragment: where its pixels lie on the unbroken tube, and how far inside its front and back outline."""

    u: Raster
    v: Raster
    front: Raster
    back: Raster


def draw_fracture(rng: np.random.Generator, kind: str, s: float, half_width: float, difficulty: str) -> Fracture:
    """Draw a fracture of a bone of ``half_width`` mm: gaping and displaced when easy, a fine line when hard."""
    ease = rng.uniform(*_EASE[difficulty])
    direction, turn, angle = rng.uniform(0, 2 * np.pi, 3)
    steep = rng.uniform(*_STEEP.get(kind, (0.0, 0.15)))
    moves = 0.0 if kind in ("hairline", "greenstick") else 0.5 if kind in ("impacted", "avulsion") else 1.0
    shift = moves * (half_width * (0.04 + ease * rng.uniform(0.35, 1.1)) + ease * 1.0)
    kink = half_width * (kind != "hairline") * ease * rng.uniform(0.2, 1.0 if kind != "greenstick" else 0.7)
    gap = half_width * (0.03 + 0.24 * ease * rng.uniform(0.5, 1.0)) + 0.2 + 0.85 * ease
    shorter = {"impacted": (0.3, 0.9)}.get(kind, (0.2, 0.9) if rng.random() < 0.4 * moves else (0.0, 0.0))
    rough = np.cumsum(rng.normal(0, 1, _ROUGH_STEPS))
    rough = (rough - np.linspace(rough[0], rough[-1], _ROUGH_STEPS)) * half_width * rng.uniform(0.015, 0.05)
    shatter = half_width * (0.4 + rng.uniform(0.3, 0.9) * ease) if kind == "comminuted" else 0.0
    return Fracture(
        kind=kind,
        s=s,
        gap=0.0 if kind == "impacted" else gap * {"hairline": 0.7, "avulsion": 0.3}.get(kind, 1.0),
        slope=(steep * sin(direction), steep * cos(direction)),
        pitch=half_width * rng.uniform(1.2, 3.0) if kind == "spiral" else 0.0,
        shift=(shift * cos(turn), shift * sin(turn)),
        kink=(kink * cos(angle), kink * sin(angle)),
        overlap=half_width * (0.15 + ease) * rng.uniform(*shorter) if shorter[1] else 0.0,
        depth={"greenstick": rng.uniform(0.5, 0.75), "hairline": rng.uniform(0.55, 1.1)}.get(kind, 1.1),
        shatter=shatter,
        chip=rng.uniform(0.5, 0.95) if kind == "avulsion" else 0.0,
        rough=tuple(rough.tolist()),
        reach=half_width * 3.0 + 2 + shatter + float(np.max(np.abs(rough))),
    )


def broken_chords(part: Section, fracture: Fracture, view: View) -> tuple[Raster, Raster, Raster]:
    """(whole, core) path lengths of the broken tube in pixels, and how much of each pixel is fracture (0 to 1)."""
    gap = np.float32(fracture.gap * view.scale)
    pieces = (_torn if fracture.chip else _split)(part, fracture, view)
    reached = _reached(part, fracture)
    whole, core, mark, cover = (np.zeros_like(part.u) for _ in range(4))
    for piece in pieces:
        piece_whole, piece_core = part.chords(piece.u, piece.v)
        solid = piece_whole > 0
        keep = np.zeros_like(part.u)
        for inside in (piece.front, piece.back):
            keep += np.float32(0.5) * (reached * _step(inside - gap / 2) + (1 - reached) * _step(inside))
            edge = _step(gap / 2 + 1 - np.abs(inside)) * solid
            mark = np.maximum(mark, reached * edge)
        whole += piece_whole * keep
        core += piece_core * keep
        cover += keep * solid
    lapped = _step((cover - 1) * 4 - 1) * (fracture.overlap > 0)
    return whole, core, np.asarray(np.maximum(mark, lapped), dtype=np.float32)


def _reached(part: Section, fracture: Fracture) -> Raster:
    """1 where the break has gone through the bone, 0 where it still holds."""
    at = part.index(part.u)
    return _step((2 * np.float32(fracture.depth) - 1) * part.half_width[at] - (part.v - part.centre[at]))


def _split(part: Section, fracture: Fracture, view: View) -> list[_Piece]:
    """The near and the far fragment, whose far ends stay in their joints, and what is shattered between them."""
    shift = np.float32(view.scale * view.sideways(*fracture.shift) / 2)
    kink = np.float32(view.scale * view.sideways(*fracture.kink))
    place = np.float32(fracture.s * part.length)
    half = np.float32(fracture.shatter * view.scale)
    to_near = np.clip(part.u / place, 0, 1.2)
    to_far = np.clip((part.length - part.u) / (np.float32(part.length) - place), 0, 1.2)
    v_near = part.v - (kink - shift) * to_near
    v_far = part.v - (kink + shift) * to_far
    u_far = part.u + np.float32(fracture.overlap * view.scale) * to_far
    near, far = _surfaces(part, fracture, view, v_near), _surfaces(part, fracture, view, v_far)
    pieces = [
        _Piece(part.u, v_near, *(place + line - half - part.u for line in near)),
        _Piece(u_far, v_far, *(u_far - place - line - half for line in far)),
    ]
    if half:
        centre = part.centre[part.index(part.u)]
        for side in (-1, 1):
            v = part.v - kink - np.float32(0.8) * side * np.abs(shift)
            u = part.u - np.float32(0.3 * side) * np.abs(shift)
            within = side * (v - centre) + np.float32(0.3 * side) * (u - place)
            pieces.append(
                _Piece(u, v, *(np.minimum(half - np.abs(u - place - np.float32(0.6) * line), within) for line in near))
            )
    return pieces


def _torn(part: Section, fracture: Fracture, view: View) -> list[_Piece]:
    """A bone and the corner of its end that a ligament tore off; each view is taken to show the corner's side."""
    outward = view.sideways(*fracture.shift)
    side = np.float32(1 if outward >= 0 else -1)
    towards = np.float32(1 if fracture.s > 0.5 else -1)
    away = np.float32(view.scale * 0.7 * (fracture.shift[0] ** 2 + fracture.shift[1] ** 2) ** 0.5)
    place = np.float32(fracture.s * part.length)
    slant = np.float32(0.7071)

    def beyond(u: Raster, v: Raster) -> Raster:
        at = part.index(u)
        a = part.half_width[np.clip(int(fracture.s * len(part.half_width)), 0, len(part.half_width) - 1)]
        lateral = side * (v - part.centre[at]) - (1 - np.float32(fracture.chip)) * a
        ragged = _ragged(fracture, view, np.clip(lateral / np.maximum(a, np.float32(0.5)), -1, 1))
        return np.asarray(slant * (lateral + towards * (u - place)) + ragged)

    u, v = part.u - np.float32(0.4) * towards * away, part.v - side * away
    main, chip = -beyond(part.u, part.v), beyond(u, v)
    return [_Piece(part.u, part.v, main, main), _Piece(u, v, chip, chip)]


def _surfaces(part: Section, fracture: Fracture, view: View, across: Raster) -> tuple[Raster, Raster]:
    """Where the surface crosses the front and the back wall: offset along the axis, pixels."""
    at = part.index(part.u)
    a = np.maximum(part.half_width[at], np.float32(0.5))
    ratio: Raster = np.clip((across - part.centre[at]) / a, -1, 1)
    root: Raster = np.sqrt(1 - ratio * ratio) * part.half_depth[at]
    slope_x, slope_z = fracture.slope
    in_plane = np.float32(view.sideways(slope_x, slope_z))
    in_depth = np.float32(-slope_x * sin(view.phi) + slope_z * cos(view.phi))
    spiral = np.float32(fracture.pitch * view.scale / 2) * ratio
    base = in_plane * ratio * a + _ragged(fracture, view, ratio)
    return base + in_depth * root + spiral, base - in_depth * root - spiral


def _ragged(fracture: Fracture, view: View, ratio: Raster) -> Raster:
    rough = np.asarray(fracture.rough, dtype=np.float32) * np.float32(view.scale)
    return np.asarray(rough[((ratio + 1) * np.float32((len(rough) - 1) / 2)).astype(np.intp)])


def _step(x: Raster) -> Raster:
    """A step one pixel wide, so that edges are not jagged."""
    step: Raster = np.clip(x + np.float32(0.5), 0, 1)
    return step
