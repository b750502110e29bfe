"""Building blocks of a limb: long bones, joint ends, flat bones, muscle in fat, gas.

Attenuation at about 40 keV effective energy from NIST's mass attenuation coefficients (Hubbell and Seltzer, 1995):
soft tissue 0.027 per mm, cortical bone 0.12, spongy bone in between. Bones lie inside soft tissue, so they count by
what they add to it, and gas by what it takes away.
"""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin

import numpy as np

from edgefrac.datasets.phantom.tube import STEPS, Points, S, Tube, Vector, constant, ellipse, outline

MU_MUSCLE = 0.027
MU_FAT = 0.020
MU_CORTEX = 0.085  # above soft tissue
MU_SPONGY = 0.011  # above soft tissue, at the joint ends
MU_MARROW = 0.003
MU_GAS = -0.012  # below soft tissue; bowel and lung are gas in part

Rng = np.random.Generator
Bone = tuple[Tube, ...]  # tubes that have grown into one bone; the first is its shaft


def long_bone(
    rng: Rng, start: Vector, end: Vector, shape: Points, depth: float, bow: float = 0.0, cap: float = 0.03
) -> Tube:
    """A bone with a thick cortex at mid-length that thins out towards spongy, flaring ends."""
    wobble = rng.uniform(0.93, 1.07, (2, len(shape)))
    left, right = (outline(*((s, w * f) for (s, w), f in zip(shape, side, strict=True)), cap=cap) for side in wobble)
    middle = np.clip(1.25 - np.abs(2 * S - 1) ** 2 * 1.3, 0, 1)
    narrow = float(np.min((left + right)[STEPS // 5 : -STEPS // 5])) / 2
    shell = 0.75 + middle * narrow * rng.uniform(0.28, 0.42)
    core = MU_SPONGY + (MU_MARROW - MU_SPONGY) * middle
    bend = (bow * rng.uniform(0.3, 1.4), bow * rng.uniform(-0.8, 0.8))
    return Tube(start, end, left, right, shell, MU_CORTEX, core, depth * rng.uniform(0.92, 1.08), bend, 0.05)


def spongy(start: Vector, end: Vector, half_width: float, depth: float, shell: float = 0.9, blunt: float = 2.6) -> Tube:
    """A rounded block of spongy bone in a thin shell."""
    shape = ellipse(half_width, blunt)
    return Tube(start, end, shape, shape, constant(shell), MU_CORTEX, constant(MU_SPONGY), depth, texture=0.045)


def pebble(rng: Rng, centre: Vector, degrees: float, length: float, half_width: float, depth: float = 0.9) -> Tube:
    """A small bone of wrist or foot: ``spongy``, lying at an angle to the limb, its size drawn."""
    angle = radians(degrees + rng.normal(0, 6))
    half = length / 2 * rng.uniform(0.94, 1.06)
    x, y, z = centre
    dx, dy = half * sin(angle), half * cos(angle)
    return spongy((x - dx, y - dy, z), (x + dx, y + dy, z), half_width * rng.uniform(0.94, 1.06), depth)


def flat_bone(
    start: Vector, end: Vector, shape: Points, depth: float, shell: float = 1.6, cap: float = 0.25, share: float = 1.0
) -> Tube:
    """A blade: ilium, scapula, sacrum. Its faces are cortex, so it shows as an even veil; a ``share`` is bone."""
    half = outline(*shape, cap=cap)
    core = constant(share * MU_SPONGY)
    return Tube(start, end, half, half, constant(shell), share * MU_CORTEX, core, depth, texture=0.04)


def limb(start: Vector, end: Vector, shape: Points, depth: float, cap: float = 0.1, fat: float = 0.16) -> Tube:
    """Muscle in a layer of fat."""
    half = outline(*shape, cap=cap)
    return Tube(start, end, half, half, fat * half, MU_FAT, constant(MU_MUSCLE), depth)


def gas(rng: Rng, centre: Vector, size: float, share: float = 1.0) -> Bone:
    """A bubble that takes attenuation away."""
    angle = rng.uniform(0, np.pi)
    half = size * rng.uniform(0.5, 1.3)
    x, y, z = centre
    dx, dy = half * cos(angle), half * sin(angle)
    width = ellipse(size * rng.uniform(0.35, 0.7))
    mu = share * MU_GAS
    return (Tube((x - dx, y - dy, z), (x + dx, y + dy, z), width, width, constant(0.0), mu, constant(mu), 0.9),)


def dense(tube: Tube, density: float) -> Tube:
    """The tube with its mineral (not its gas) scaled."""
    if tube.mu_shell < 0:
        return tube
    return replace(tube, mu_shell=density * tube.mu_shell, mu_core=density * tube.mu_core)


def with_growth_plates(bone: Tube, at: float) -> Tube:
    """A child's bone: a thin translucent band of cartilage near each end, between dense edges."""
    away = np.minimum(np.abs(S - at), np.abs(S - 1 + at)) / max(0.008, 1.1 / bone.length)
    band = np.exp(-(away**2))
    edge = np.exp(-((away - 2.2) ** 2))
    return replace(bone, shell=bone.shell * (1 - 0.8 * band), mu_core=bone.mu_core * (1 - 0.75 * band + 0.6 * edge))
