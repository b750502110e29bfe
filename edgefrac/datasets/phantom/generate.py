"""One phantom from two integers: patient, view, label and difficulty follow from (seed, index).

Index 2p and 2p + 1 are two views of patient p; patients take turns in being fractured, and each fractured one has a
control with the same limb. All but the fracture is drawn before it and from the same distributions for both labels, so
nothing but the fracture gives the label away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import radians

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.phantom.anatomy import LIMBS, Anatomy, Site, draw_anatomy
from edgefrac.datasets.phantom.film import expose, smooth_noise
from edgefrac.datasets.phantom.fracture import Fracture, broken_chords, draw_fracture
from edgefrac.datasets.phantom.projection import Raster, Section, View, section
from edgefrac.datasets.phantom.tube import STEPS, Tube

VIEWS = 2
ASPECT = 373 / 454  # of most clinical plates
_PATIENT, _LIMB, _VIEW = 0, 1, 2  # what a stream of random numbers is for; a view's number is added to _VIEW


@dataclass(frozen=True)
class Patient:
    """A limb, and its fracture if it has one; ``site`` is where the image is centred, broken or not."""

    anatomy: Anatomy
    site: Site
    at: float
    difficulty: float
    fracture: Fracture | None


@dataclass(frozen=True)
class Scene:
    """All that can be known of a phantom before it is exposed; ``rng`` goes on with tissue and film."""

    patient: Patient
    view: View
    facets: dict[str, str]
    rng: np.random.Generator


def label_of(index: int) -> int:
    """1 for the views of every second patient."""
    return (index // VIEWS) % 2


def phantom_image(
    seed: int, index: int, *, longer_side: int = 448
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], dict[str, str]]:
    """(pixels uint8 [H, W], fracture mask bool [H, W], facets) of one phantom; the same on every machine.

    The longer side has ``longer_side`` pixels. The mask is empty where nothing is broken. Facets: region, part,
    view, difficulty (0 easy to 1 hairline) and kind of fracture ("none" without one).
    """
    scene = draw_scene(seed, index, longer_side)
    attenuation = _project(scene.patient, scene.view, scene.rng)
    return expose(attenuation, scene.rng), fracture_mask(scene), scene.facets


def draw_scene(seed: int, index: int, longer_side: int) -> Scene:
    """Draw the patient and the view of phantom ``index`` of a series."""
    number, turn = divmod(index, VIEWS)
    patient = _draw_patient(seed, number, label_of(index) == 1)
    rng = _stream(seed, number, _VIEW + turn)
    name, angle = patient.anatomy.views[turn]
    facets = {
        "region": patient.anatomy.region,
        "part": patient.anatomy.part,
        "view": name,
        "difficulty": f"{patient.difficulty:.2f}",
        "kind": patient.fracture.kind if patient.fracture else "none",
    }
    return Scene(patient, _draw_view(patient, angle, longer_side, rng), facets, rng)


def fracture_mask(scene: Scene) -> NDArray[np.bool_]:
    """Where the fracture shows, bool [H, W], from geometry alone."""
    mask = np.zeros((scene.view.height, scene.view.width), np.bool_)
    fracture = scene.patient.fracture
    if fracture is None:
        return mask
    bone, reach = scene.patient.anatomy.bones[fracture.bone], fracture.reach * scene.view.scale
    part = section(bone, scene.view, reach, (fracture.s, fracture.s))
    if part:
        mask[part.window] = broken_chords(part, fracture, scene.view)[2] > 0.5
    return mask


def _stream(seed: int, number: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, number, purpose])


@lru_cache(maxsize=4)
def _draw_patient(seed: int, number: int, fractured: bool) -> Patient:
    limb = int(_stream(seed, number // 2, _LIMB).integers(LIMBS))
    rng = _stream(seed, number, _PATIENT)
    anatomy = draw_anatomy(rng, limb)
    site = anatomy.sites[int(rng.integers(len(anatomy.sites)))]
    at, difficulty = rng.uniform(site.low, site.high), float(rng.random())
    bone = anatomy.bones[site.bone]
    step = int(at * STEPS)
    half_width = float(bone.left[step] + bone.right[step]) / 2
    fracture = draw_fracture(rng, site.bone, at, half_width, difficulty) if fractured else None
    return Patient(anatomy, site, at, difficulty, fracture)


def _draw_view(patient: Patient, angle: float, longer_side: int, rng: np.random.Generator) -> View:
    shorter_side = round(ASPECT * longer_side)
    lying = bool(rng.random() < 0.28)
    height, width = (shorter_side, longer_side) if lying else (longer_side, shorter_side)
    along = 90.0 if lying and rng.random() < 0.7 else 0.0
    return View(
        phi=radians(angle + rng.normal(0, 6)),
        theta=radians(along + 180.0 * float(rng.random() < 0.15) + rng.normal(0, 9)),
        scale=longer_side / rng.uniform(*patient.anatomy.field),
        mirror=bool(rng.random() < 0.5),
        centre=patient.anatomy.bones[patient.site.bone].point(patient.at),
        column=width * rng.uniform(0.3, 0.7),
        row=height * rng.uniform(0.25, 0.75),
        height=height,
        width=width,
    )


def _project(patient: Patient, view: View, rng: np.random.Generator) -> Raster:
    """Attenuation along each ray, float32 [H, W]: soft tissue by its thickest part, bones added up."""
    shape = view.height, view.width
    soft, bones = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for tube in patient.anatomy.soft:
        if part := section(tube, view):
            whole, core = part.chords(part.u, part.v)
            patch = soft[part.window]
            np.maximum(patch, _attenuation(tube, whole, core, part.index(part.u)), out=patch)
    soft *= 1 + np.float32(0.03) * smooth_noise(shape, 40, rng) + np.float32(0.015) * smooth_noise(shape, 12, rng)
    grain = smooth_noise(shape, 2, rng) + np.float32(0.6) * smooth_noise(shape, 4, rng)
    for number, tube in enumerate(patient.anatomy.bones):
        part = _bone_section(patient, number, view)
        if part is None:
            continue
        if patient.fracture and patient.fracture.bone == number:
            whole, core, _ = broken_chords(part, patient.fracture, view)
        else:
            whole, core = part.chords(part.u, part.v)
        speckle = 1 + np.float32(tube.texture) * np.clip(grain[part.window], -2.5, 2.5)
        bones[part.window] += _attenuation(tube, whole, core * speckle, part.index(part.u))
    return (soft + bones) / np.float32(view.scale)


def _bone_section(patient: Patient, number: int, view: View) -> Section | None:
    """A bone's section, with room for the fragments if it is the broken one."""
    bone, fracture = patient.anatomy.bones[number], patient.fracture
    if fracture is None or fracture.bone != number:
        return section(bone, view)
    return section(bone, view, fracture.reach * view.scale)


def _attenuation(tube: Tube, whole: Raster, core: Raster, at: NDArray[np.intp]) -> Raster:
    """µ times path length, still in pixels for lengths; ``core`` counts with its own µ inside ``whole``."""
    mu_core = tube.mu_core.astype(np.float32)[at]
    return np.asarray((whole - core) * np.float32(tube.mu_shell) + core * mu_core, dtype=np.float32)
