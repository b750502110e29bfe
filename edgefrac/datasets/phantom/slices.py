"""CT-like and MR-like slices through the same patients: simple, but of the same anatomy and the same fractures.

A plane is laid through the place of the fracture, whole or broken: along the limb (coronal) in a patient's first image,
across it (axial) in the second. Each pixel takes the tissue of the tubes that it lies in. CT shows Hounsfield units
through a bone window; MR a T1-weighted spin echo: bright fat and marrow, grey muscle, black cortex, metal and gas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.phantom.film import smooth_noise, soften
from edgefrac.datasets.phantom.fracture import Fracture
from edgefrac.datasets.phantom.hardware import MU_METAL
from edgefrac.datasets.phantom.projection import Raster
from edgefrac.datasets.phantom.scene import VIEWS, Patient, draw_patient, label_of, stream
from edgefrac.datasets.phantom.tube import STEPS, Tube

PLANES = ("coronal", "axial")
MODALITIES = ("ct", "mr")
HOUNSFIELD_WINDOW = (350.0, 1800.0)  # centre and width for bone
_AIR, _FAT, _MUSCLE, _CRUSHED, _METAL = -1000.0, -90.0, 55.0, 650.0, 3000.0
_HOUNSFIELD_PER_MU = 15_000.0  # of mineral, above soft tissue, at a CT's higher energy
_SLICE = 3  # a stream's purpose: beyond those of the views
_FIELD = {"coronal": 190.0, "axial": 150.0}  # mm along a side

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Slice:
    """A slice as acquired: ``values`` float32 [S, S] (Hounsfield units, or MR signal 0 to 1); mask; mm per pixel."""

    modality: str
    values: Raster
    mask: NDArray[np.bool_]
    spacing: float
    facets: dict[str, str]

    @property
    def stored(self) -> NDArray[np.uint16]:
        """As 12 bits: Hounsfield units above -1024, or MR signal of 4095."""
        scaled = self.values + 1024 if self.modality == "ct" else self.values * np.float32(4095)
        return np.asarray(np.rint(scaled), dtype=np.uint16)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Windowed to uint8 [S, S]: CT through the bone window, MR from 0 to its brightest."""
        centre, width = HOUNSFIELD_WINDOW if self.modality == "ct" else (0.5, 1.0)
        level = (self.values.astype(np.float64) - centre) / width + 0.5
        return np.asarray(np.rint(255 * np.clip(level, 0, 1)), dtype=np.uint8)


@lru_cache(maxsize=2)
def phantom_slice(seed: int, index: int, modality: str, *, side: int = 320, difficulty: str | None = None) -> Slice:
    """Slice ``index`` of a series, ``side``×``side`` pixels; the same on every machine."""
    number, turn = divmod(index, VIEWS)
    patient = draw_patient(seed, number, label_of(index) == 1, difficulty)
    rng = stream(seed, number, _SLICE + VIEWS + turn)
    plane = PLANES[turn]
    spacing = _FIELD[plane] / side * rng.uniform(0.9, 1.15)
    points = _plane(patient, plane, side, spacing, rng)
    hounsfield, mask = _tissue(patient, points)
    values = (_ct if modality == "ct" else _mr)(hounsfield, rng)
    facets = {**patient.facets, "view": plane, "modality": modality}
    return Slice(modality, values, mask, spacing, facets)


def _plane(patient: Patient, plane: str, side: int, spacing: float, rng: np.random.Generator) -> Points:
    """The patient's points (mm, [S, S, 3]) on the plane's pixels."""
    fracture = patient.fracture
    x, y, z = patient.shaft.point(patient.at)
    across = (np.arange(side) + 0.5 - side / 2) * spacing
    off = rng.normal(0, 0.12 * side * spacing, 2)
    columns, rows = np.meshgrid(across + off[0], across + off[1])
    if plane == "coronal":
        return np.stack([x + columns, y + rows, np.full_like(rows, z + rng.normal(0, 0.5))], axis=-1)
    edge = 0.5 * max(fracture.gap, 0.8 + fracture.overlap) if fracture else 1.0  # there both bone and gap are cut
    level = y + float(rng.choice([-1.0, 1.0])) * edge * rng.uniform(0.6, 1.0)
    return np.stack([x + columns, np.full_like(rows, level), z + rows], axis=-1)


def _tissue(patient: Patient, points: Points) -> tuple[Raster, NDArray[np.bool_]]:
    """Hounsfield units, and where the fracture is."""
    values = np.full(points.shape[:2], _AIR)
    for tube in patient.anatomy.soft:
        if window := _window(tube, points):
            inside, old = _Inside.of(tube, points[window]), values[window]
            fat = np.where(inside.whole, np.maximum(old, _FAT), old)
            values[window] = np.where(inside.core, _MUSCLE, fat)
    mask = np.zeros(points.shape[:2], np.bool_)
    for bone in (*patient.anatomy.bones, *patient.added):
        cores = []
        for tube in bone:
            if window := _window(tube, points):
                fracture = patient.fracture if tube is patient.shaft else None
                inside = _Inside.of(tube, points[window], fracture)
                below = values[window].copy()
                broken = _CRUSHED if fracture and fracture.kind == "impacted" else below
                solid = inside.whole & ~inside.gap
                layer = _layer(below, solid, tube.mu_shell)
                values[window] = np.where(inside.gap, broken, layer)
                mask[window] |= inside.gap
                mu = tube.mu_core[inside.at]
                units = np.where(mu == 0, below, _hounsfield(mu))  # a cast is hollow
                cores.append((window, solid & inside.core, units))
        for window, core, units in cores:  # last, so that no wall stays between parts that have grown together
            values[window] = np.where(core, units, values[window])
    return values.astype(np.float32), mask


def _layer(below: Points, solid: NDArray[np.bool_], mu: float) -> Points:
    """A tube's shell over what is there already; bone and metal displace what is lighter."""
    units = _hounsfield(np.array(mu))
    return np.where(solid, units if mu < 0 else np.maximum(below, units), below)


def _hounsfield(mu: Points) -> Points:
    """Hounsfield units of what a tube adds to soft tissue."""
    return np.where(mu < 0, _AIR, np.where(mu >= MU_METAL, _METAL, _MUSCLE + mu * _HOUNSFIELD_PER_MU))


def _window(tube: Tube, points: Points) -> tuple[slice, slice] | None:
    """Rows and columns of the plane that a tube may reach; None if it passes the plane by."""
    reach = 1.5 * float(np.max(tube.left + tube.right)) / 2 * max(1.0, tube.depth) + max(map(abs, tube.bow))
    ends = np.array([tube.start, tube.end])
    near = ((points > ends.min(axis=0) - reach) & (points < ends.max(axis=0) + reach)).all(axis=-1)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


@dataclass(frozen=True)
class _Inside:
    """Which points lie in a tube, in its core, in its fracture's gap; and their places in the tube's tables."""

    whole: NDArray[np.bool_]
    core: NDArray[np.bool_]
    gap: NDArray[np.bool_]
    at: NDArray[np.intp]

    @classmethod
    def of(cls, tube: Tube, points: Points, fracture: Fracture | None = None) -> _Inside:
        """Sort points [H, W, 3] (mm) by the tube."""
        start = np.array(tube.start)
        way = (np.array(tube.end) - start) / tube.length
        aside = np.array([1.0, 0.0, 0.0]) if abs(way[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
        first = aside - way * float(aside @ way)
        first /= float(np.sqrt(first @ first))
        second = np.cross(first, way)
        offset = points - start
        u, v, w = (offset[..., 0] * axis[0] + offset[..., 1] * axis[1] + offset[..., 2] * axis[2]
                   for axis in (way, first, second))  # fmt: skip
        at = np.clip(u / tube.length * STEPS, 0, STEPS - 1).astype(np.intp)
        s = np.clip(u / tube.length, 0, 1)
        v, w = v - tube.bow[0] * 4 * s * (1 - s), w - tube.bow[1] * 4 * s * (1 - s)
        half = (tube.left + tube.right)[at] / 2
        gap = np.zeros(u.shape, np.bool_)
        if fracture:
            v, w, gap = _displaced(fracture, tube, u, v, w, half)
        reach = np.sqrt(v * v + (w / tube.depth) ** 2)
        along = (u >= 0) & (u <= tube.length)
        whole = along & (reach < half)
        return cls(whole, whole & (reach < half - tube.shell[at]), whole & gap, at)


def _displaced(
    fracture: Fracture, tube: Tube, u: Points, v: Points, w: Points, half: Points
) -> tuple[Points, Points, NDArray[np.bool_]]:
    """Where points of the broken bone lay before it broke, and whether they lie where it came apart."""
    place = fracture.s * tube.length
    safe = np.maximum(half, 0.5)
    across = np.clip(v / safe, -1, 1)
    rough = np.asarray(fracture.rough)[((across + 1) / 2 * (len(fracture.rough) - 1)).astype(np.intp)]
    surface = fracture.slope[0] * v + fracture.slope[1] * w + rough + fracture.pitch / 2 * across * np.sign(w)
    beyond = u - place - surface
    width = max(fracture.gap, 0.8 + fracture.overlap)
    if fracture.chip:
        side, towards = np.sign(fracture.shift[0]) or 1.0, 1.0 if fracture.s > 0.5 else -1.0
        corner = 0.7071 * (side * v - (1 - fracture.chip) * safe + towards * (u - place)) + rough
        return v, w, np.abs(corner) < width / 2 + 0.4
    taper = np.clip(np.where(beyond < 0, u / place, (tube.length - u) / (tube.length - place)), 0, 1.2)
    sign = np.where(beyond < 0, -0.5, 0.5)
    moved = [c - (k + sign * t) * taper for c, k, t in zip((v, w), fracture.kink, fracture.shift, strict=True)]
    gap = np.abs(np.abs(beyond) - fracture.shatter) < width / 2
    if fracture.shatter:
        gap |= (np.abs(v + 0.5 * (u - place)) < width / 2) & (np.abs(beyond) < fracture.shatter)
    gap &= v < (2 * fracture.depth - 1) * safe
    return moved[0], moved[1], gap


def _ct(hounsfield: Raster, rng: np.random.Generator) -> Raster:
    """Reconstructed by a kernel between soft and sharp, with its correlated noise."""
    size = (hounsfield.shape[0], hounsfield.shape[1])
    noise = soften(rng.standard_normal(size, dtype=np.float32), rng.uniform(0, 0.8))
    grain = smooth_noise(size, 3, rng) * np.float32(25) * (hounsfield > _FAT)
    image = soften(hounsfield + grain, 1.0)
    sharp = image + np.float32(rng.uniform(0, 0.8)) * (image - soften(image, 1.0))
    return np.asarray(np.rint(np.clip(sharp + np.float32(rng.uniform(15, 45)) * noise, -1024, 3071)), dtype=np.float32)


def _mr(hounsfield: Raster, rng: np.random.Generator) -> Raster:
    """T1-weighted signal by tissue, uneven coil sensitivity, Rician noise."""
    units = (-1000.0, -200.0, -90.0, 0.0, 55.0, 90.0, 260.0, 340.0, 700.0, 3000.0)
    signal = (0.0, 0.0, 0.86, 0.4, 0.33, 0.74, 0.7, 0.1, 0.04, 0.0)
    size = (hounsfield.shape[0], hounsfield.shape[1])
    tissue = np.interp(hounsfield.astype(np.float64), units, signal).astype(np.float32)
    coil = 1 + np.float32(0.18) * smooth_noise(size, 110, rng) + np.float32(0.03) * smooth_noise(size, 6, rng)
    clean = soften(tissue, 1.0) * coil
    level = np.float32(rng.uniform(0.01, 0.04))
    real, imaginary = (level * rng.standard_normal(size, dtype=np.float32) for _ in range(2))
    return np.asarray(np.clip(np.sqrt((clean + real) ** 2 + imaginary**2), 0, 1), dtype=np.float32)
