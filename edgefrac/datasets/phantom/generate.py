"""One phantom: the scene's tissue projected onto the plate, its fracture marked, the plate exposed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.phantom.film import expose, smooth_noise
from edgefrac.datasets.phantom.fracture import broken_chords
from edgefrac.datasets.phantom.projection import Raster, Section, View, merged, section
from edgefrac.datasets.phantom.scene import Scene, draw_scene
from edgefrac.datasets.phantom.solids import Bone
from edgefrac.datasets.phantom.tube import Tube

_TILE = 256  # pixels after which the grain of spongy bone repeats
_STRETCH = np.float32(0.5)  # trabeculae run along the bone


def phantom_image(
    seed: int, index: int, *, longer_side: int = 448, difficulty: str | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], dict[str, str]]:
    """(pixels uint8 [H, W], fracture mask bool [H, W], facets) of one phantom; the same on every machine.

    The longer side has ``longer_side`` pixels. The mask is empty where nothing is broken. Facets: region, part, view,
    difficulty (also of what would be broken in a whole one), type of fracture ("none" without one), hardware, implant
    (its kind, or "none") and cast.
    """
    scene = draw_scene(seed, index, longer_side, difficulty)
    attenuation = project(scene)
    return expose(attenuation, scene.rng), fracture_mask(scene), scene.facets


def fracture_mask(scene: Scene) -> NDArray[np.bool_]:
    """Where the fracture shows, bool [H, W], from geometry alone."""
    view, fracture = scene.view, scene.patient.fracture
    mask = np.zeros(view.height * view.width, np.bool_)
    if fracture:
        part = section(scene.patient.shaft, view, fracture.reach * view.scale, (fracture.s, fracture.s))
        if part:
            mask[part.pixels] = broken_chords(part, fracture, view)[2] > 0.5
    return mask.reshape(view.height, view.width)


def project(scene: Scene) -> Raster:
    """Attenuation along each ray, float32 [H, W]: soft tissue by its thickest part, bones and hardware added up."""
    view, rng, patient = scene.view, scene.rng, scene.patient
    shape = view.height, view.width
    total = _soft_tissue(patient.anatomy.soft, view, rng)
    grain = _grain(rng)
    for bone in (*patient.anatomy.bones, *patient.added):
        _add_bone(total, bone, scene, grain)
    return np.asarray(np.maximum(total, 0).reshape(shape) / view.scale, dtype=np.float32)


def _soft_tissue(tubes: tuple[Tube, ...], view: View, rng: np.random.Generator) -> Raster:
    shape = view.height, view.width
    soft = np.zeros(view.height * view.width, np.float32)
    for tube in tubes:
        if part := section(tube, view):
            whole, core = part.chords(part.u, part.v)
            soft[part.pixels] = merged(soft[part.pixels], _attenuation(tube, part, whole, core))
    uneven = np.float32(0.03) * smooth_noise(shape, 40, rng) + np.float32(0.02) * smooth_noise(shape, 14, rng)
    return np.asarray(soft * (1 + uneven.ravel()))


def _add_bone(total: Raster, bone: Bone, scene: Scene, grain: Raster) -> None:
    """Add a bone, its tubes grown together, to the flattened raster."""
    parts = []
    for tube in bone:
        fracture = scene.patient.fracture if tube is scene.patient.shaft else None
        part = section(tube, scene.view, fracture.reach * scene.view.scale if fracture else 0.0)
        if part is None:
            continue
        whole, core = broken_chords(part, fracture, scene.view)[:2] if fracture else part.chords(part.u, part.v)
        parts.append((part.pixels, _attenuation(tube, part, whole, _grained(tube, part, core, grain))))
    if len(parts) == 1:
        total[parts[0][0]] += parts[0][1]
    elif parts:
        grown = np.zeros_like(total)
        for pixels, attenuation in parts:
            grown[pixels] = merged(grown[pixels], attenuation)
        total += grown


def _attenuation(tube: Tube, part: Section, whole: Raster, core: Raster) -> Raster:
    """µ times path length, still in pixels for lengths; ``core`` counts with its own µ inside ``whole``."""
    mu_core = tube.mu_core.astype(np.float32)[part.index(part.u)]
    return np.asarray((whole - core) * np.float32(tube.mu_shell) + core * mu_core, dtype=np.float32)


def _grained(tube: Tube, part: Section, core: Raster, grain: Raster) -> Raster:
    """The core with the grain of its trabeculae."""
    if not tube.texture:
        return core
    along = (part.u * _STRETCH).astype(np.intp) % _TILE
    across = part.v.astype(np.intp) % _TILE
    return np.asarray(core * (1 + np.float32(tube.texture) * grain[along, across]), dtype=np.float32)


def _grain(rng: np.random.Generator) -> Raster:
    fine = rng.standard_normal((_TILE, _TILE)).astype(np.float32)
    return np.asarray(np.clip(fine + smooth_noise((_TILE, _TILE), 3, rng), -2.5, 2.5))
