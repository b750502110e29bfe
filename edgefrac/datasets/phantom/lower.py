"""Lower limb: pelvis with both hips, knee and lower leg, ankle, foot. Right side from the front, sizes in mm."""

from __future__ import annotations

from math import cos, sin

from edgefrac.datasets.phantom.limb import END, METAPHYSIS, SHAFT, Anatomy, Site
from edgefrac.datasets.phantom.solids import Bone, Rng, flat_bone, gas, limb, long_bone, pebble, spongy
from edgefrac.datasets.phantom.tube import Points, Tube, Vector

_TIBIA: Points = (
    (0, 33), (0.02, 37), (0.05, 35), (0.1, 25), (0.17, 18), (0.35, 13.5), (0.7, 11.5), (0.86, 14), (0.95, 22), (1, 23),
)  # fmt: skip
_FIBULA: Points = ((0, 8), (0.05, 9.5), (0.11, 6), (0.8, 6), (0.92, 10), (0.97, 9.5), (1, 6))


def knee(rng: Rng) -> Anatomy:
    """Lower thigh to the upper half of the leg."""
    return _leg(rng, "knee", (250, 380), (0, 10, 0), (0.1, 0.45))


def lower_leg(rng: Rng) -> Anatomy:
    """Knee to ankle."""
    return _leg(rng, "lower leg", (360, 480), (0, 185, 0), (0.2, 0.85))


def _leg(rng: Rng, part: str, field: tuple[float, float], centre: Vector, stretch: tuple[float, float]) -> Anatomy:
    tibia = (
        long_bone(rng, (0, 6, 0), (3, 368, 0), _TIBIA, 0.95, 3.0, cap=0.012),
        spongy((-7, 0, 0), (7, 14, 0), 7, 1.0),
        spongy((20, 352, 0), (21, 384, 0), 8, 1.0),
    )
    fibula = (long_bone(rng, (-35, 26, -16), (-24, 388, -8), _FIBULA, 1.0, -2.0),)
    femur = (
        long_bone(
            rng,
            (4, -430, -2),
            (0, -4, -2),
            ((0, 15), (0.65, 14.5), (0.8, 18), (0.9, 30), (0.95, 37), (1, 37)),
            0.85,
            3.0,
            cap=0.012,
        ),
        spongy((16, -44, -5), (20, -1, -6), 17, 1.5, shell=1.2),
        spongy((-16, -44, -5), (-20, -1, -6), 16.5, 1.5, shell=1.2),
    )
    patella = (spongy((2, -62, 34), (2, -20, 36), 21, 0.45),)
    foot = (
        (spongy((-3, 376, 0), (4, 404, 2), 21, 1.1),),
        (spongy((-4, 400, -34), (-2, 430, 20), 21, 1.0),),
        (spongy((0, 390, 20), (0, 412, 70), 24, 0.7),),
        *((long_bone(rng, (9 * i, 405, 66), (12 * i, 432, 130), ((0, 7), (0.5, 4.5), (1, 7)), 1.0),)
          for i in range(-2, 3)),
    )  # fmt: skip
    soft = (
        limb((2, -560, 0), (0, 45, 0), ((0, 92), (0.75, 66), (1, 56)), 0.95),
        limb((0, -70, 0), (0, 420, -2), ((0, 54), (0.2, 52), (0.38, 60), (0.7, 42), (0.88, 34), (1, 37)), 1.0),
        limb((0, 385, -45), (0, 432, 170), ((0, 32), (0.6, 38), (1, 34)), 0.75),
    )
    low, high = stretch
    sites: tuple[Site, ...] = (
        Site(0, low + 0.12, high, SHAFT), Site(0, low + 0.12, high, SHAFT), Site(1, low + 0.1, high, SHAFT),
        Site(0, *((0.09, 0.13) if part == "knee" else (0.87, 0.92)), METAPHYSIS),
        Site(1, *((0.02, 0.05) if part == "knee" else (0.94, 0.97)), END), Site(2, 0.74, 0.84, SHAFT),
    )  # fmt: skip
    views = (("frontal", 0.0), ("lateral", 86.0))
    if part != "knee":
        sites = sites[:-1]
    return Anatomy(
        "leg", part, (tibia, fibula, femur, patella, *foot), soft, sites, views, field, centre, cast=1,
        span=(0.1, 0.6) if part == "knee" else (0.3, 0.97),
    )  # fmt: skip


def ankle(rng: Rng) -> Anatomy:
    """Ankle joint, the leg above it and the foot in front."""
    tibia = (
        long_bone(rng, (2, -330, 0), (2, 0, 0), ((0, 16), (0.3, 12.5), (0.7, 12.5), (0.9, 20), (1, 22)), 0.95, 2.0),
        spongy((19, -22, 0), (21, 14, 0), 8, 1.1),
    )
    fibula = (long_bone(rng, (-25, -330, -10), (-23, 20, -8), ((0, 6), (0.8, 6), (0.92, 9.5), (1, 6)), 1.0, -1.5),)
    tarsus = (
        (
            spongy((-1, 16, -22), (3, 18, 30), 17, 1.1),
            spongy((4, 14, 18), (6, 26, 44), 12, 1.1),
            spongy((0, 2, -2), (2, 34, 0), 18, 1.0),
        ),
        (spongy((-2, 46, -52), (-6, 34, 30), 15, 1.0, blunt=4), spongy((-3, 22, -28), (-6, 60, -30), 14, 1.3)),
        (spongy((6, 22, 42), (6, 40, 48), 15, 1.2),),
        (spongy((-14, 38, 32), (-14, 44, 62), 12, 1.0),),
        (spongy((6, 28, 52), (8, 40, 74), 13, 1.4),),
    )
    rays: list[Bone] = []
    for number in range(5):
        x, y = 14 - 9 * number, 34 + 4.5 * number
        reach = 132 - 5 * number
        shape = ((0, 8 if number == 0 else 6.5), (0.15, 5.5), (0.6, 4.2), (0.92, 6.2), (1, 5.5))
        rays.append((long_bone(rng, (x, y, 74 - 5 * number), (x, y + 28, reach), shape, 1.0, 1.0, cap=0.06),))
        rays.append(
            (long_bone(rng, (x, y + 30, reach + 3), (x, y + 36, reach + 26), ((0, 5.5), (0.5, 3.5), (1, 4.5)), 1.0),)
        )
    soft = (
        limb((0, -560, -4), (0, 20, -2), ((0, 62), (0.45, 52), (0.75, 36), (1, 36)), 1.0),
        limb((0, -20, -6), (0, 66, -20), ((0, 34), (0.6, 35), (1, 30)), 1.2, cap=0.4),
        limb((0, 30, -70), (0, 58, 172), ((0, 24), (0.25, 30), (0.6, 24), (0.85, 17), (1, 12)), 1.15),
    )
    sites = (
        Site(0, 0.55, 0.85, SHAFT), Site(1, 0.55, 0.9, SHAFT), Site(1, 0.75, 0.93, SHAFT),
        Site(0, 0.88, 0.93, METAPHYSIS), Site(1, 0.95, 0.975, END),
    )  # fmt: skip
    views = (("frontal", 8.0), ("lateral", 90.0))
    return Anatomy(
        "leg", "ankle", (tibia, fibula, *tarsus, *rays), soft, sites, views, (260, 360), (0, -40, 20), cast=0,
        span=(0.5, 0.99),
    )  # fmt: skip


def foot(rng: Rng) -> Anatomy:
    """The foot from above, toes down."""
    rays: list[Bone] = []
    soft: list[Tube] = []
    for number, (x, y, angle, length, toes) in enumerate(
        ((19, 18, 0.1, 60, (31, 23)), (8, 20, 0.05, 72, (25, 13, 9)), (0, 20, -0.02, 69, (23, 12, 8)),
         (-8, 18, -0.1, 68, (22, 10, 8)), (-17, 13, -0.19, 66, (20, 9, 8)))
    ):  # fmt: skip
        base = 10 if number == 0 else 7
        metatarsal = ((0, base), (0.12, base * 0.85), (0.55, base * 0.58), (0.85, base * 0.8), (1, base * 0.85))
        angle += rng.normal(0, 0.02)
        place: Vector = (x, y, 0)
        for segment, size in enumerate((length, *toes)):
            half = base * (0.9, 0.9, 0.72, 0.62)[segment]
            toe = ((0, half), (0.3, half * 0.7), (0.6, half * 0.65), (1, half * 0.75))
            start, end = _ahead(place, angle, 1.8), _ahead(place, angle, 1.8 + size * rng.uniform(0.95, 1.05))
            rays.append((long_bone(rng, start, end, toe if segment else metatarsal, 0.9, 0.8, cap=0.08),))
            place = end
            angle += rng.normal(0, 0.03) if segment else 0
        width = 12 if number == 0 else 8.5
        soft.append(limb(_ahead(place, angle, -70), _ahead(place, angle, 6), ((0, width), (1, width * 0.9)), 0.9))
    tarsus = (
        (spongy((-10, -78, -8), (-7, -22, -8), 14, 0.8, blunt=4),),
        (spongy((6, -52, 10), (10, -16, 10), 14, 0.8),),
        *((pebble(rng, (x, y, 0), angle, size, half),) for x, y, angle, size, half in _TARSALS),
    )
    soft += [
        limb((0, -95, 0), (0, 112, 0), ((0, 26), (0.3, 31), (0.65, 41), (0.9, 46), (1, 44)), 0.62, cap=0.25),
        limb((2, -330, 30), (2, -35, 15), ((0, 52), (0.6, 42), (1, 32)), 0.9),
    ]
    firsts = [0, 3, 7, 11, 15]
    sites = [Site(n, 0.25, 0.75, SHAFT) for n in firsts]
    sites += (
        [Site(n, 0.78, 0.86, METAPHYSIS) for n in firsts] + [Site(15, 0.05, 0.1, END)] * 2 + [Site(0, 0.04, 0.1, END)]
    )
    views = (("frontal", 0.0), ("oblique", 32.0))
    return Anatomy("leg", "foot", (*rays, *tarsus), tuple(soft), tuple(sites), views, (240, 330), (0, 40, 0))


_TARSALS = (  # centre x, y; angle in degrees; length; half-width
    (11, -11, 84, 36, 9), (-15, -4, 8, 36, 12), (20, 8, 5, 26, 9), (8, 9, 2, 22, 7.5), (-1.5, 8, 0, 24, 7.5),
)  # fmt: skip


def hip(rng: Rng) -> Anatomy:
    """The pelvis from in front, both hips and the upper thighs."""
    bones: list[Bone] = []
    right = _hip_bones(rng)
    bones += right
    bones += [tuple(tube.mirrored() for tube in bone) for bone in _hip_bones(rng)]
    sacrum = ((0, 54), (0.25, 48), (0.55, 32), (0.8, 18), (1, 7))
    bones.append((flat_bone((0, -132, -25), (0, 0, -15), sacrum, 0.35, 1.0, 0.12, 0.7),))
    bones += [gas(rng, (s * (25 - 4 * n), 25 * n - 112, -20), 6, 1.2) for n in range(4) for s in (-1, 1)]
    for number in range(4):
        y = -172.0 - 38 * number
        bones.append(
            (
                spongy((0, y, 0), (0, y + 33, 0), 24 - number, 1.0, blunt=9),
                spongy((-40, y + 14, -10), (40, y + 14, -10), 5, 0.7),
            )
        )
    bones += [
        gas(rng, (rng.uniform(-75, 75), rng.uniform(-200, 10), 20), rng.uniform(9, 26), rng.uniform(0.6, 1.3))
        for _ in range(int(rng.integers(3, 12)))
    ]
    size = rng.uniform(0.92, 1.12)
    soft = [
        limb((0, -480, 0), (0, 88, 0), ((0, 150 * size), (0.5, 150 * size), (0.8, 172 * size), (1, 165 * size)), 0.55),
        *(
            limb((92 * s, -40, 0), (98 * s, 620, 0), ((0, 80 * size), (0.25, 82 * size), (1, 58)), 0.95)
            for s in (-1, 1)
        ),
    ]
    sites = (
        Site(0, 0.15, 0.4, SHAFT), Site(0, 0.42, 0.6, METAPHYSIS, tube=1), Site(0, 0.42, 0.56, SHAFT, tube=1),
        Site(0, 0.05, 0.12, END, tube=3), Site(1, 0.4, 0.65, SHAFT),
    )  # fmt: skip
    views = (("frontal", 0.0), ("oblique", 14.0))
    return Anatomy("hip", "hip", tuple(bones), tuple(soft), sites, views, (330, 440), (30, 0, 0), wide=True)


def _hip_bones(rng: Rng) -> list[Bone]:
    """Femur (shaft, neck, head, trochanters) and hip bone (pubis first) of the right side."""
    lean = rng.uniform(-6, 6)
    thigh = ((0, 15), (0.05, 19), (0.11, 18), (0.18, 15.5), (0.45, 14), (1, 16))
    wing = ((0, 32), (0.2, 30), (0.4, 37), (0.7, 54), (1, 57))
    femur = (
        long_bone(rng, (129, 18, 0), (112 + lean, 430, 4), thigh, 1.0, 4.0),
        long_bone(rng, (84, -6, 2), (131, 42, 0), ((0, 19), (0.3, 17), (0.5, 16), (0.75, 18), (1, 16)), 0.9),
        spongy((74, -12, 2), (104, 14, 2), 23.5, 1.0, shell=1.3, blunt=2.2),
        spongy((141, 8, -4), (131, 64, -2), 13, 1.1),
        spongy((112, 64, -8), (119, 90, -8), 8, 1.0),
    )
    pelvis = (
        long_bone(rng, (84, 2, 10), (14, 38, 22), ((0, 14), (0.35, 8.5), (0.7, 8.5), (1, 12)), 0.8),
        flat_bone((82, 2, -5), (97, -156, -10), wing, 0.15, 4.0, 0.3, 1.6),
        long_bone(rng, (46, -112, -18), (148, -92, 6), ((0, 6), (0.5, 4), (1, 6)), 0.9, 38.0),
        spongy((80, -34, 0), (88, 34, 0), 30, 0.4, shell=1.6),
        long_bone(rng, (83, 10, -20), (62, 88, -10), ((0, 16), (0.5, 12), (0.8, 14), (1, 14)), 0.8, cap=0.15),
        long_bone(rng, (14, 52, 12), (60, 84, -4), ((0, 9), (0.5, 7), (1, 11)), 0.8),
        spongy((13, 24, 20), (14, 66, 18), 10, 0.9, shell=1.2),
    )
    return [femur, pelvis]


def _ahead(place: Vector, angle: float, by: float) -> Vector:
    return place[0] + by * sin(angle), place[1] + by * cos(angle), place[2]
