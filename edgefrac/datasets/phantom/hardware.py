"""What surgeons and plaster rooms leave on a limb: plates with screws, nails, wires, casts.

They are drawn by the same odds whether the bone is broken or not (a healed fracture keeps its plate), so that hardware
tells a network nothing.
"""

from __future__ import annotations

from math import cos, sin

import numpy as np

from edgefrac.datasets.phantom.limb import Anatomy
from edgefrac.datasets.phantom.solids import Bone, Rng
from edgefrac.datasets.phantom.tube import S, Tube, Vector, constant, ellipse, outline

MU_METAL = 0.55  # titanium and steel, per mm, at an effective energy hardened by the metal itself
MU_PLASTER = 0.028

HARDWARE = ("plate", "nail", "wires")


def draw_hardware(rng: Rng, shaft: Tube, s: float) -> tuple[str, tuple[Bone, ...]]:
    """(its name, its solids) on the bone ``shaft`` near ``s``."""
    kind = str(rng.choice(HARDWARE, p=(0.6, 0.2, 0.2)))
    if kind == "plate":
        return kind, _plate(rng, shaft, s)
    if kind == "nail":
        half = min(0.45 * float(np.min(shaft.half_width(0.5))), 5.0)
        return kind, (_rod(shaft.point(0.06), shaft.point(0.94), half, shaft.bow),)
    return kind, tuple(_wire(rng, shaft, s) for _ in range(int(rng.integers(2, 4))))


def draw_cast(rng: Rng, anatomy: Anatomy) -> Bone:
    """A plaster tube around the part of the limb that the anatomy names; it must name one."""
    limb = anatomy.soft[anatomy.cast or 0]
    low, high = anatomy.span
    start, end, half = limb.part(low + rng.uniform(0, 0.1), high - rng.uniform(0, 0.06))
    waves = np.array([[1], [2], [4], [7], [11]])
    bumps = np.sum(rng.uniform(0.2, 1.0, (5, 1)) * np.sin(2 * np.pi * waves * S + rng.uniform(0, 6.3, (5, 1))), axis=0)
    thickness = rng.uniform(4, 8)
    sides = [half * 1.03 + thickness + rng.uniform(1, 3) + side * 0.5 * bumps for side in (-1, 1)]
    shell = thickness + 0.4 * bumps
    mu = MU_PLASTER * rng.uniform(0.6, 1.3)
    return (Tube(start, end, sides[0], sides[1], shell, mu, constant(0.0), limb.depth),)


def _plate(rng: Rng, shaft: Tube, s: float) -> tuple[Bone, ...]:
    half = shaft.half_width(s)
    reach = min(max(30.0, 5 * half), 0.42 * shaft.length) / shaft.length
    low, high = max(0.04, s - reach), min(0.96, s + reach)
    turn = rng.choice([0.0, np.pi]) + rng.normal(0, 0.5)
    way = cos(turn), sin(turn)
    ends = [_beside(shaft, at, way, shaft.half_width(s) + 1.2) for at in (low, high)]
    width = min(2.2 + 0.2 * half, 5.5)
    holes = 1 - 0.45 * (np.abs((S * round((high - low) * shaft.length / 11)) % 1 - 0.5) < 0.16)
    flat = outline((0, width), (1, width), cap=0.04) * holes
    plate = Tube(ends[0], ends[1], flat, flat, constant(0.0), MU_METAL, constant(MU_METAL), 0.42)
    screws = []
    for at in np.linspace(low + 0.02, high - 0.02, int(rng.integers(4, 8))):
        tip = 0.9 * shaft.half_width(float(at))
        screws.append(_rod(_beside(shaft, at, way, shaft.half_width(s) + 2), _beside(shaft, at, way, -tip), 1.3))
    return ((plate,), *screws)


def _wire(rng: Rng, shaft: Tube, s: float) -> Bone:
    half = shaft.half_width(s)
    along = rng.uniform(2.0, 4.0) * half / shaft.length * rng.choice([-1, 1])
    turn = rng.uniform(0, 2 * np.pi)
    way = cos(turn), sin(turn)
    low, high = min(max(s - along, 0.02), 0.98), min(max(s + along, 0.02), 0.98)
    return _rod(_beside(shaft, low, way, 1.9 * half), _beside(shaft, high, way, -1.3 * half), 0.8)


def _rod(start: Vector, end: Vector, half_width: float, bow: tuple[float, float] = (0.0, 0.0)) -> Bone:
    half = ellipse(half_width, 12)
    return (Tube(start, end, half, half, constant(0.0), MU_METAL, constant(MU_METAL), 1.0, bow),)


def _beside(shaft: Tube, s: float, way: tuple[float, float], by: float) -> Vector:
    x, y, z = shaft.point(float(s))
    return x + by * way[0], y, z + by * way[1] * shaft.depth
