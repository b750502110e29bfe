"""Upper limb: hand, forearm with its joints, shoulder. Right side as seen from the front, sizes in mm."""

from __future__ import annotations

from math import cos, sin

import numpy as np

from edgefrac.datasets.phantom.limb import END, METAPHYSIS, SHAFT, Anatomy, Site
from edgefrac.datasets.phantom.solids import MU_GAS, Bone, Rng, flat_bone, limb, long_bone, pebble, spongy
from edgefrac.datasets.phantom.tube import Points, Tube, Vector, constant, outline

_RADIUS: Points = (
    (0, 10.5), (0.03, 11), (0.07, 8), (0.12, 6.2), (0.18, 7.5), (0.28, 6.4), (0.5, 7.2), (0.75, 8),
    (0.87, 11.5), (0.94, 15), (1, 15.5),
)  # fmt: skip
_ULNA: Points = (
    (0, 10), (0.06, 12), (0.12, 12), (0.17, 9.5), (0.25, 7.5), (0.5, 6.5), (0.8, 5.3), (0.93, 5.5), (0.97, 7.5), (1, 7),
)  # fmt: skip
_METACARPAL: Points = ((0, 6.4), (0.08, 6.4), (0.25, 4.6), (0.5, 4.1), (0.75, 5.0), (0.9, 7.0), (1, 6.6))
_PHALANX: Points = ((0, 1.0), (0.08, 1.0), (0.3, 0.68), (0.6, 0.58), (0.82, 0.68), (0.92, 0.78), (1, 0.7))
_FINGER: Points = ((0, 9.5), (0.3, 9.8), (0.7, 8.6), (1, 7.6))
_CARPALS = (  # centre x, y, z; angle in degrees; length; half-width
    (11, 7, 0, 40, 24, 7), (-1, 4.5, 0, 80, 17, 7), (-12, 8, 0, 55, 17, 6.5), (-12, 10, 8, 0, 11, 5),
    (18, 19, 3, 30, 16, 6.8), (9.5, 21, 0, 0, 13, 5.4), (0, 18, 0, 2, 24, 7.3), (-10, 19.5, 0, -20, 22, 7.2),
)  # fmt: skip
# thumb first: x and y of the base, angle (radians), lengths of metacarpal and phalanges
_RAYS = (
    (22, 25, 0.62, 44, (31, 23)),
    (14, 28, 0.12, 66, (40, 24, 18)),
    (3, 30, 0.01, 64, (44, 28, 19)),
    (-7.5, 29, -0.1, 58, (41, 26, 19)),
    (-16.5, 27, -0.21, 53, (33, 19, 17)),
)


def hand(rng: Rng) -> Anatomy:
    """Wrist to finger tips."""
    carpals, rays, fingers = _hand(rng)
    bones: list[Bone] = [(tube,) for ray in rays for tube in ray]
    long = len(bones)
    radius = long_bone(rng, (12, -150, 0), (9, -2, 0), ((0, 7), (0.55, 7.5), (0.8, 11), (0.92, 15), (1, 15.5)), 0.8)
    ulna = long_bone(rng, (-12, -150, 0), (-14, -6, 0), ((0, 6), (0.85, 5.3), (0.95, 7.3), (1, 7)), 0.9)
    sites = []
    for number in range(long):
        metacarpal = number in _first_of(rays)
        for _ in range(4 if metacarpal else 1):
            sites.append(Site(number, 0.3, 0.7, SHAFT))
            sites.append(Site(number, 0.78, 0.86, METAPHYSIS))
        sites.append(Site(number, 0.05, 0.12, END))
    sites += [Site(long, 0.82, 0.9, METAPHYSIS)] * 8
    soft = (limb((0, -420, 0), (0, 24, 0), ((0, 46), (0.6, 32), (0.9, 27), (1, 27)), 0.8), *fingers)
    views = (("frontal", 0.0), ("oblique", 38.0))
    return Anatomy(
        "hand", "hand", (*bones, (radius,), (ulna,), *((c,) for c in carpals)), soft, tuple(sites), views, (160, 290),
        (0, 60, 0), cast=0, span=(0.55, 0.97),
    )  # fmt: skip


def forearm(rng: Rng) -> Anatomy:
    """Elbow to wrist, with the hand beyond."""
    radius = long_bone(rng, (10, 0, 0), (11, 238, 0), _RADIUS, 0.8, 4.0, cap=0.02)
    ulna = long_bone(rng, (-9, -22, -3), (-13, 233, -3), _ULNA, 0.95, -3.0)
    humerus = (
        long_bone(rng, (2, -330, -2), (0, -8, -2), ((0, 12), (0.7, 11), (0.86, 16), (0.94, 27), (1, 25)), 0.55),
        spongy((-18, -9, 0), (-2, -9, 0), 9, 1.0),
        spongy((2, -8, 2), (20, -9, 2), 9.5, 1.0),
    )
    carpals, rays, fingers = _hand(rng, (-1, 240, 0))
    soft = (
        limb((0, -430, 0), (0, 30, 0), ((0, 58), (0.6, 48), (1, 44)), 0.9),
        limb((0, -60, 0), (-1, 275, 0), ((0, 42), (0.25, 45), (0.45, 43), (0.8, 29), (1, 28)), 0.8),
        *fingers,
    )
    bones = ((radius,), (ulna,), humerus, *((c,) for c in carpals), *((tube,) for ray in rays for tube in ray))
    sites = (
        Site(0, 0.3, 0.8, SHAFT), Site(0, 0.3, 0.8, SHAFT), Site(1, 0.3, 0.88, SHAFT), Site(0, 0.87, 0.93, METAPHYSIS),
        Site(0, 0.06, 0.09, METAPHYSIS), Site(1, 0.04, 0.08, END), Site(0, 0.95, 0.97, END),
    )  # fmt: skip
    views = (("frontal", 0.0), ("lateral", 84.0))
    return Anatomy("hand", "forearm", bones, soft, sites, views, (290, 420), (0, 120, 0), cast=1, span=(0.25, 0.98))


def shoulder(rng: Rng) -> Anatomy:
    """Upper arm, shoulder girdle and the chest beside them."""
    humerus = (
        long_bone(
            rng, (2, -4, 0), (-8, 300, 0),
            ((0, 17), (0.04, 21), (0.1, 20), (0.18, 14), (0.4, 11), (0.7, 10.5), (0.9, 17), (1, 24)), 0.9, 2.0,
        ),
        spongy((27, -12, 0), (-4, 18, 0), 22, 1.0, shell=1.2),
    )  # fmt: skip
    clavicle = (long_bone(rng, (4, -38, 6), (152, -58, 30), ((0, 9), (0.3, 6.5), (0.7, 6.5), (1, 11)), 0.85, 8.0),)
    scapula = (
        flat_bone((50, -26, -25), (88, 138, -35), ((0, 10), (0.2, 30), (0.45, 38), (0.8, 20), (1, 6)), 0.08, 1.2),
        long_bone(rng, (42, 22, -12), (84, 136, -35), ((0, 8), (0.3, 5), (1, 4)), 0.8, 2.0),
        long_bone(rng, (112, 26, -30), (2, -26, -12), ((0, 3), (0.5, 5), (0.8, 9), (1, 11)), 0.5, 5.0),
        spongy((41, -16, -4), (43, 26, -6), 8, 1.4),
        spongy((48, -22, 6), (28, -10, 22), 7, 1.0),
    )
    bones: list[Bone] = [humerus, clavicle, scapula]
    for number in range(9):
        y = -30 + 27 * number * rng.uniform(0.97, 1.03)
        reach = 78 + 4 * abs(number - 5)
        bones.append((long_bone(rng, (196, y - 8, -40), (reach, y + 24, -20), ((0, 5), (1, 6)), 0.6, 14.0),))
        bones.append((long_bone(rng, (reach, y + 22, -10), (158, y + 74, 40), ((0, 5.5), (1, 7)), 0.5, -10.0),))
    bones += [(spongy((212, y, 0), (212, y + 22, 0), 18, 0.7, shell=0.6, blunt=7),) for y in range(-90, 260, 26)]
    bones.append(_lung(rng))
    soft = (
        limb((-4, -58, 0), (-10, 420, 0), ((0, 30), (0.12, 48), (0.3, 44), (1, 38)), 1.0),
        limb((60, -62, 0), (36, 150, 0), ((0, 36), (0.5, 55), (1, 30)), 0.8, cap=0.3),
        limb((165, -110, 0), (150, 520, 0), ((0, 70), (0.2, 100), (1, 98)), 0.7, cap=0.2),
        limb((205, -330, 0), (200, 0, 0), ((0, 52), (1, 60)), 1.0),
    )
    sites = (
        Site(0, 0.3, 0.7, SHAFT), Site(0, 0.3, 0.7, SHAFT), Site(1, 0.3, 0.7, SHAFT), Site(0, 0.15, 0.19, METAPHYSIS),
        Site(0, 0.015, 0.04, END),
    )  # fmt: skip
    views = (("frontal", 0.0), ("oblique", -24.0))
    return Anatomy("shoulder", "shoulder", tuple(bones), soft, sites, views, (290, 400), (40, 70, 0))


def _lung(rng: Rng) -> Bone:
    """The air beside the spine, as far down as the diaphragm."""
    mu = constant(MU_GAS * rng.uniform(0.5, 0.9))
    half = outline((0, 12), (0.15, 38), (0.5, 58), (0.9, 66), (1, 60), cap=0.15)
    return (Tube((140, -70, 0), (138, rng.uniform(230, 330), 0), half, half, constant(0.0), float(mu[0]), mu, 0.8),)


def _first_of(rays: list[list[Tube]]) -> set[int]:
    starts, count = set(), 0
    for ray in rays:
        starts.add(count)
        count += len(ray)
    return starts


def _hand(rng: Rng, at: Vector = (0.0, 0.0, 0.0)) -> tuple[list[Tube], list[list[Tube]], list[Tube]]:
    """(carpals, rays of metacarpal and phalanges, soft tissue), thumb first; the radius ends at ``at``."""
    spread, curl = rng.uniform(0.85, 1.6), rng.uniform(0.0, 0.1)
    carpals = [
        pebble(rng, (at[0] + x, at[1] + y, at[2] + z), angle, size, half) for x, y, z, angle, size, half in _CARPALS
    ]
    palm = limb((at[0] - 2, at[1] - 30, at[2]), (at[0] - 1, at[1] + 104, at[2]), _PALM, 0.42, cap=0.3)
    thenar = limb(
        (at[0] + 8, at[1] + 2, at[2]), (at[0] + 31, at[1] + 68, at[2] + 6), ((0, 17), (0.6, 17), (1, 13)), 0.8
    )
    rays, soft = [], [palm, thenar]
    for x, y, slant, length, phalanges in _RAYS:
        angle = (slant - 0.03) * spread + rng.normal(0, 0.02)
        start = np.array([at[0] + x, at[1] + y, at[2]])
        ray = [_ray_bone(rng, start, angle, length, _METACARPAL)]
        tip = np.array(ray[0].end)
        root = tip
        for number, size in enumerate(phalanges):
            angle += rng.normal(0, 0.03) - curl * np.sign(slant) * (number > 0)
            base = 7.6 - 0.9 * number - (0.9 if slant < -0.15 else 0)
            shape = tuple((s, base * w) for s, w in _PHALANX)
            ray.append(_ray_bone(rng, tip + 1.8 * _way(angle), angle, size, shape))
            tip = np.array(ray[-1].end)
        soft.append(limb(_vector(root - 14 * _way(angle)), _vector(tip + 6 * _way(angle)), _FINGER, 0.9, cap=0.08))
        rays.append(ray)
    return carpals, rays, soft


_PALM: Points = ((0, 24), (0.3, 30), (0.6, 39), (0.9, 42), (1, 41))


def _ray_bone(rng: Rng, start: np.ndarray, angle: float, length: float, shape: Points) -> Tube:
    end = start + length * rng.uniform(0.95, 1.05) * _way(angle)
    return long_bone(rng, _vector(start), _vector(end), shape, 0.9, 0.8, cap=0.08)


def _way(angle: float) -> np.ndarray:
    return np.array([sin(angle), cos(angle), 0.0])


def _vector(point: np.ndarray) -> Vector:
    return float(point[0]), float(point[1]), float(point[2])
