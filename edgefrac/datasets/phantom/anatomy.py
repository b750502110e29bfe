"""Limbs to look at: their bones and soft tissue, drawn at random around plausible sizes (mm).

Attenuation at about 40 keV effective energy from NIST's mass attenuation coefficients (Hubbell and Seltzer, 1995):
soft tissue 0.027 per mm, cortical bone 0.12, spongy bone in between. Bones lie inside soft tissue, so they count by
what they add to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, sin

import numpy as np

from edgefrac.datasets.phantom.tube import STEPS, S, Table, Tube, Vector, constant, ellipse, outline

MU_MUSCLE = 0.027
MU_FAT = 0.020
MU_CORTEX = 0.085  # above soft tissue
MU_SPONGY = 0.013  # above soft tissue, at the joint ends
MU_MARROW = 0.003

Rng = np.random.Generator
Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Site:
    """A stretch of a bone where it may break."""

    bone: int
    low: float
    high: float


@dataclass(frozen=True)
class Anatomy:
    """One patient's limb. ``angles`` are the views' turns about the limb (degrees); ``field`` the usual image (mm)."""

    region: str
    part: str
    bones: tuple[Tube, ...]
    soft: tuple[Tube, ...]
    sites: tuple[Site, ...]
    views: tuple[tuple[str, float], ...]
    field: tuple[float, float]


def draw_anatomy(rng: Rng, limb: int) -> Anatomy:
    """Draw the bones of limb ``limb`` (0 up to ``LIMBS``), and its owner's stature and bone density."""
    anatomy = _LIMBS[limb](rng)
    density, stature = rng.uniform(0.75, 1.15), rng.uniform(0.85, 1.08)
    bones = tuple(_dense(_grown(bone, stature), density) for bone in anatomy.bones)
    if rng.random() < 0.3:
        bones = tuple(_with_growth_plates(bone, rng.uniform(0.06, 0.1)) for bone in bones)
    return replace(anatomy, bones=bones, soft=tuple(_grown(tube, stature) for tube in anatomy.soft))


def _forearm(rng: Rng) -> Anatomy:
    radius = _long_bone(
        rng, (9, 0, 0), (11, 225, 0), ((0, 10), (0.06, 9), (0.14, 6), (0.4, 7), (0.75, 8), (0.9, 14), (1, 15)), 0.8, 3.0
    )
    ulna = _long_bone(
        rng, (-11, -18, -3), (-13, 222, -3), ((0, 12), (0.1, 11), (0.25, 7), (0.6, 6), (0.9, 5.5), (1, 7.5)), 0.95, -2.0
    )
    humerus = _long_bone(rng, (2, -330, -2), (0, -6, -2), ((0, 12), (0.8, 13), (0.93, 27), (1, 25)), 0.6)
    carpals, metacarpals = _wrist(rng, (-1, 228, 0))
    soft = (
        _limb((0, -400, 0), (0, 262, 0), ((0, 52), (0.6, 46), (0.8, 31), (0.95, 29), (1, 28)), 0.8),
        _limb((-1, 195, 0), (0, 420, 0), ((0, 28), (0.2, 30), (0.4, 43), (1, 46)), 0.42),
    )
    return Anatomy(
        "hand",
        "forearm",
        (radius, ulna, humerus, *carpals, *metacarpals),
        soft,
        (Site(0, 0.3, 0.93), Site(0, 0.82, 0.94), Site(1, 0.3, 0.9)),
        (("frontal", 0.0), ("lateral", 90.0)),
        (180, 280),
    )


def _hand(rng: Rng) -> Anatomy:
    carpals, metacarpals = _wrist(rng, (0, 0, 0))
    radius = _long_bone(rng, (12, -120, 0), (10, -3, 0), ((0, 7.5), (0.6, 9), (0.85, 14), (1, 15)), 0.8)
    ulna = _long_bone(rng, (-12, -120, 0), (-14, -6, 0), ((0, 6), (0.8, 6), (1, 7.5)), 0.9)
    phalanges, fingers = [], [_limb((0, -300, 0), (0, 30, 0), ((0, 42), (0.6, 32), (1, 28)), 0.8)]
    fingers.append(_limb((0, -25, 0), (0, 104, 0), ((0, 27), (0.35, 36), (0.75, 43), (1, 42)), 0.4))
    for ray, bone in enumerate(metacarpals):
        tip = np.array(bone.end)
        way = (tip - np.array(bone.start)) / bone.length
        fingers.append(_limb(_vector(tip - 20 * way), _vector(tip + way * (55 if ray == 0 else 88)), _FINGER, 0.85))
        for size in (32, 24) if ray == 0 else (40, 25, 19):
            start = tip + 2.5 * way
            tip = start + size * way * rng.uniform(0.92, 1.06)
            base = 6.5 - 0.04 * (40 - size) - (1.0 if ray == 4 else 0)
            shape = ((0, base), (0.2, base * 0.8), (0.55, base * 0.62), (0.9, base * 0.8), (1, base * 0.75))
            phalanges.append(_long_bone(rng, _vector(start), _vector(tip), shape, 0.8))
    bones = (*metacarpals, *phalanges, *carpals, radius, ulna)
    sites = tuple(
        Site(i, 0.25, 0.85) for i in range(len(metacarpals) + len(phalanges)) for _ in range(3 if i < 5 else 1)
    )
    return Anatomy("hand", "hand", bones, tuple(fingers), sites, (("frontal", 0.0), ("oblique", 38.0)), (150, 230))


_FINGER: Points = ((0, 10), (0.4, 10.5), (0.8, 9), (1, 8))


def _leg(rng: Rng) -> Anatomy:
    tibia = _long_bone(
        rng,
        (6, 0, 0),
        (2, 340, 0),
        ((0, 37), (0.04, 37), (0.1, 28), (0.2, 17), (0.5, 13), (0.75, 12), (0.9, 18), (1, 24)),
        0.95,
        3.0,
    )
    fibula = _long_bone(
        rng, (-34, 18, 12), (-27, 358, 8), ((0, 10), (0.06, 9), (0.15, 5.5), (0.8, 6), (0.93, 10), (1, 8)), 1.0, -2.0
    )
    condyles = (
        _spongy((22, -30, 0), (22, 6 - 11, 0), 23, 1.2),
        _spongy((-16, -32, 0), (-16, 4 - 11, 0), 23, 1.2),
    )
    femur = _long_bone(rng, (3, -480, 4), (3, -6, 0), ((0, 15), (0.7, 15), (0.87, 22), (0.95, 38), (1, 40)), 0.9)
    foot = (
        _spongy((0, 345, 2), (0, 378, 6), 24, 1.2),
        _spongy((-4, 372, -14), (-2, 420, -30), 21, 1.3),
        _spongy((0, 372, 20), (0, 390, 58), 20, 0.8),
        *(
            _long_bone(rng, (9 * i, 398, 56), (13 * i, 424, 122), ((0, 8), (0.2, 6), (0.6, 4.5), (1, 7)), 1.0)
            for i in range(-2, 3)
        ),
    )
    soft = (
        _limb((0, -560, 0), (0, 45, 0), ((0, 88), (0.8, 66), (1, 58)), 1.0),
        _limb((0, -60, -4), (0, 400, -2), ((0, 57), (0.3, 60), (0.7, 40), (0.9, 35), (1, 38)), 1.0),
        _limb((0, 345, 0), (0, 440, 4), ((0, 36), (0.6, 38), (1, 36)), 1.4),
        _limb((0, 398, -45), (0, 425, 190), ((0, 34), (0.6, 36), (1, 38)), 0.7),
    )
    return Anatomy(
        "leg",
        "lower leg",
        (tibia, fibula, femur, *condyles, *foot),
        soft,
        (Site(0, 0.12, 0.93), Site(0, 0.3, 0.93), Site(1, 0.2, 0.95), Site(2, 0.68, 0.9)),
        (("frontal", 0.0), ("lateral", 88.0)),
        (240, 360),
    )


def _hip(rng: Rng) -> Anatomy:
    shaft = _long_bone(
        rng, (-10, 0, 0), (10, 520, 4), ((0, 19), (0.03, 23), (0.08, 24), (0.14, 18), (0.45, 14.5), (1, 20)), 1.0, -7.0
    )
    neck = _long_bone(rng, (58, -48, 2), (-2, 26, 0), ((0, 17), (0.3, 16), (0.55, 17), (0.8, 21), (1, 19)), 0.9)
    head = _spongy((78, -62, 2), (40, -24, 2), 25, 1.0, shell=1.4)
    ilium = replace(_spongy((82, -215, -10), (78, -45, 0), 66, 0.16, shell=3.0), texture=0.03)
    socket = replace(_spongy((86, -95, 0), (72, -15, 0), 38, 0.5, shell=2.5), texture=0.03)
    pubis = _long_bone(rng, (70, -30, 20), (150, 15, 30), ((0, 14), (0.5, 9), (1, 15)), 0.8)
    ischium = _long_bone(rng, (78, -25, -20), (112, 72, -5), ((0, 20), (0.6, 12), (1, 15)), 0.9)
    soft = (
        _limb((70, -480, 0), (70, 70, 0), ((0, 140), (0.7, 170), (0.9, 150), (1, 120)), 0.55),
        _limb((4, -60, 0), (10, 600, 0), ((0, 80), (0.3, 84), (1, 60)), 0.9),
    )
    return Anatomy(
        "hip",
        "hip",
        (shaft, neck, head, ilium, socket, pubis, ischium),
        soft,
        (Site(0, 0.06, 0.42), Site(1, 0.3, 0.75), Site(1, 0.3, 0.75)),
        (("frontal", 0.0), ("oblique", 25.0)),
        (260, 380),
    )


def _shoulder(rng: Rng) -> Anatomy:
    humerus = _long_bone(
        rng, (0, 4, 0), (-8, 480, 0), ((0, 21), (0.03, 24), (0.07, 22), (0.13, 13), (0.4, 11), (1, 14)), 0.9, 3.0
    )
    head = _spongy((12, -14, 0), (12, 34, 0), 24, 1.0, shell=1.3)
    clavicle = _long_bone(rng, (20, -34, 10), (150, -48, 30), ((0, 9), (0.3, 6), (0.7, 7), (1, 10)), 0.9, 7.0)
    scapula = replace(_spongy((52, -22, -25), (76, 130, -30), 38, 0.12, shell=2.0), texture=0.03)
    ribs = tuple(
        _long_bone(rng, (62 + 6 * i, y, -30), (190, y - 38, -40), ((0, 6), (1, 6)), 0.6, 26.0)
        for i, y in enumerate(range(10, 200, 26))
    )
    soft = (
        _limb((-2, -55, 0), (-8, 540, 0), ((0, 42), (0.1, 54), (0.3, 46), (1, 40)), 0.9),
        _limb((130, -90, 0), (130, 520, 0), ((0, 90), (0.3, 100), (1, 98)), 0.5),
    )
    return Anatomy(
        "shoulder",
        "shoulder",
        (humerus, clavicle, head, scapula, *ribs),
        soft,
        (Site(0, 0.05, 0.45), Site(0, 0.05, 0.12), Site(1, 0.25, 0.75)),
        (("frontal", 0.0), ("oblique", -30.0)),
        (220, 340),
    )


_LIMBS = (_forearm, _hand, _leg, _hip, _shoulder)
LIMBS = len(_LIMBS)


def _wrist(rng: Rng, at: Vector) -> tuple[list[Tube], list[Tube]]:
    """Eight carpal bones in two rows, and the metacarpals (thumb first) that fan out from them."""
    carpals, metacarpals = [], []
    for i in range(8):
        row, place = divmod(i, 4)
        x, y = at[0] + (place - 1.5) * 10.5 * (-1 if row else 1), at[1] + 7 + 13 * row + rng.uniform(-1.5, 1.5)
        half = rng.uniform(5.5, 8)
        lean = rng.uniform(-4, 4)
        carpals.append(_spongy((x - lean, y - half, at[2]), (x + lean, y + half, at[2]), rng.uniform(5.5, 7), 0.9))
    spread = rng.uniform(0.8, 1.2)
    for ray, (x, angle, length) in enumerate(
        ((22, 0.75, 44), (12, 0.14, 64), (3, 0.02, 62), (-6, -0.1, 56), (-15, -0.22, 52))
    ):
        slant = angle * spread
        start = np.array([at[0] + x, at[1] + (14 if ray == 0 else 29), at[2] + (8 if ray == 0 else 0)])
        end = start + length * np.array([sin(slant), cos(slant), 0.0])
        shape = ((0, 7.5), (0.12, 6.5), (0.5, 4.2), (0.85, 6), (1, 6.8))
        metacarpals.append(_long_bone(rng, _vector(start), _vector(end), shape, 0.95, 1.0))
    return carpals, metacarpals


def _long_bone(rng: Rng, start: Vector, end: Vector, shape: Points, depth: float, bow: float = 0.0) -> Tube:
    """A bone with a thick cortex at mid-length that thins out towards spongy, flaring ends."""
    wobble = rng.uniform(0.93, 1.07, (2, len(shape)))
    left, right = (outline(*((s, w * f) for (s, w), f in zip(shape, side, strict=True))) for side in wobble)
    middle = np.clip(1.25 - np.abs(2 * S - 1) ** 2 * 1.25, 0, 1)
    narrow = float(np.min((left + right)[STEPS // 5 : -STEPS // 5])) / 2
    shell = 0.7 + middle * narrow * rng.uniform(0.28, 0.42)
    core = MU_SPONGY + (MU_MARROW - MU_SPONGY) * middle
    bend = (bow * rng.uniform(0.3, 1.4), bow * rng.uniform(-0.8, 0.8))
    return Tube(start, end, left, right, shell, MU_CORTEX, core, depth * rng.uniform(0.92, 1.08), bend, 0.06)


def _spongy(start: Vector, end: Vector, half_width: float, depth: float, shell: float = 0.9) -> Tube:
    """An egg of spongy bone in a thin shell."""
    shape = ellipse(half_width)
    return Tube(start, end, shape, shape, constant(shell), MU_CORTEX, constant(MU_SPONGY), depth, texture=0.06)


def _limb(start: Vector, end: Vector, shape: Points, depth: float) -> Tube:
    """Muscle in a layer of fat."""
    half = outline(*shape, cap=0.1)
    return Tube(start, end, half, half, 0.16 * half, MU_FAT, constant(MU_MUSCLE), depth)


def _grown(tube: Tube, stature: float) -> Tube:
    start, end = (_vector(stature * np.array(point)) for point in (tube.start, tube.end))
    widths = {name: stature * getattr(tube, name) for name in ("left", "right", "shell")}
    return replace(tube, start=start, end=end, bow=(stature * tube.bow[0], stature * tube.bow[1]), **widths)


def _dense(tube: Tube, density: float) -> Tube:
    return replace(tube, mu_shell=density * tube.mu_shell, mu_core=density * tube.mu_core)


def _with_growth_plates(bone: Tube, at: float) -> Tube:
    """A child's bone: a thin translucent band of cartilage near each end, between dense edges."""
    away = np.minimum(np.abs(S - at), np.abs(S - 1 + at)) / 0.008
    band = np.exp(-(away**2))
    edge = np.exp(-((away - 2.2) ** 2))
    return replace(bone, shell=bone.shell * (1 - 0.8 * band), mu_core=bone.mu_core * (1 - 0.75 * band + 0.6 * edge))


def _vector(point: Table) -> Vector:
    return float(point[0]), float(point[1]), float(point[2])
