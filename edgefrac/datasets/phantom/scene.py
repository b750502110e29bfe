"""Who is imaged and how: patient, fracture, hardware and view, all from (seed, index).

Index 2p and 2p + 1 are two views of patient p; patients take turns in being fractured, and each fractured one has a
control with the same part of the body, hardware and cast if any, and a place where the same fracture would be. All but
the fracture is drawn before it and from the same distributions for both labels, so nothing but the fracture gives the
label away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import radians

import numpy as np

from edgefrac.datasets.phantom.anatomy import draw_anatomy, draw_part
from edgefrac.datasets.phantom.fracture import DIFFICULTIES, KINDS, Fracture, draw_fracture
from edgefrac.datasets.phantom.hardware import draw_cast, draw_hardware
from edgefrac.datasets.phantom.limb import Anatomy, Site
from edgefrac.datasets.phantom.projection import View
from edgefrac.datasets.phantom.solids import Bone
from edgefrac.datasets.phantom.tube import Tube, Vector

VIEWS = 2
ASPECT = 373 / 454  # of most clinical plates
_PATIENT, _PAIR, _VIEW = 0, 1, 2  # what a stream of random numbers is for; a view's number is added to _VIEW
_HARDWARE_SHARE, _CAST_SHARE = 0.12, 0.15


@dataclass(frozen=True)
class Patient:
    """A limb, and its fracture if it has one; ``site`` and ``at`` are where it is or would be."""

    anatomy: Anatomy
    site: Site
    at: float
    difficulty: str
    fracture: Fracture | None
    implant: str
    added: tuple[Bone, ...]
    cast: bool

    @property
    def shaft(self) -> Tube:
        """The tube that is or would be broken."""
        return self.anatomy.bones[self.site.bone][self.site.tube]

    @property
    def facets(self) -> dict[str, str]:
        """What holds for all of the patient's images."""
        return {
            "region": self.anatomy.region,
            "part": self.anatomy.part,
            "difficulty": self.difficulty,
            "type": self.fracture.kind if self.fracture else "none",
            "hardware": "no" if self.implant == "none" else "yes",
            "implant": self.implant,
            "cast": "yes" if self.cast else "no",
        }


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


def draw_scene(seed: int, index: int, longer_side: int, difficulty: str | None = None) -> Scene:
    """Draw the patient and the view of phantom ``index`` of a series, if given of one ``difficulty`` alone."""
    number, turn = divmod(index, VIEWS)
    patient = draw_patient(seed, number, label_of(index) == 1, difficulty)
    rng = stream(seed, number, _VIEW + turn)
    name, angle = patient.anatomy.views[turn]
    facets = {**patient.facets, "view": name}
    return Scene(patient, _draw_view(patient, angle, longer_side, rng), facets, rng)


def stream(seed: int, number: int, purpose: int) -> np.random.Generator:
    """The random numbers of patient or pair ``number`` that serve ``purpose``."""
    return np.random.Generator(np.random.PCG64([seed, number, purpose]))


@lru_cache(maxsize=4)
def draw_patient(seed: int, number: int, fractured: bool, difficulty: str | None = None) -> Patient:
    """Patient ``number`` of a series, broken or whole."""
    pair = stream(seed, number // 2, _PAIR)
    part, kind, grade = draw_part(pair), str(pair.choice(KINDS)), str(pair.choice(DIFFICULTIES))
    with_hardware, with_cast = pair.random() < _HARDWARE_SHARE, pair.random() < _CAST_SHARE
    rng = stream(seed, number, _PATIENT)
    anatomy = draw_anatomy(rng, part)
    sites = [site for site in anatomy.sites if kind in site.kinds]
    site = sites[int(rng.integers(len(sites)))]
    at = rng.uniform(site.low, site.high)
    shaft = anatomy.bones[site.bone][site.tube]
    wanted = difficulty or grade
    hidden = wanted != "easy"  # metal and plaster over the site would make it anything but easy
    implant, added = draw_hardware(rng, shaft, at) if with_hardware and hidden else ("none", ())
    cast = with_cast and hidden and anatomy.cast is not None
    if cast:
        added = (*added, draw_cast(rng, anatomy))
    fracture = draw_fracture(rng, kind, at, shaft.half_width(at), wanted) if fractured else None
    return Patient(anatomy, site, at, wanted, fracture, implant, added, cast)


def _draw_view(patient: Patient, angle: float, longer_side: int, rng: np.random.Generator) -> View:
    anatomy = patient.anatomy
    shorter_side = round(ASPECT * longer_side)
    lying = bool(rng.random() < (0.8 if anatomy.wide else 0.25))
    height, width = (shorter_side, longer_side) if lying else (longer_side, shorter_side)
    along = 90.0 if lying and not anatomy.wide and rng.random() < 0.7 else 0.0
    turned = 180.0 * float(rng.random() < 0.2) * (not anatomy.wide)
    scale = longer_side / rng.uniform(*anatomy.field)
    centre = _centre(patient, longer_side / scale, rng)
    return View(
        phi=radians(angle + rng.normal(0, 6)),
        theta=radians(along + turned + rng.normal(0, 3 if anatomy.wide else 8)),
        scale=scale,
        mirror=bool(rng.random() < 0.5),
        centre=centre,
        column=width * 0.5,
        row=height * 0.5,
        height=height,
        width=width,
    )


def _centre(patient: Patient, field: float, rng: np.random.Generator) -> Vector:
    """The point at the image's centre: the part's usual one, but never so that the site comes near the border."""
    room = 0.26 * field
    usual = np.array(patient.anatomy.centre) + rng.normal(0, 0.05 * field, 3)
    site = np.array(patient.shaft.point(patient.at))
    x, y, z = (float(c) for c in np.clip(usual, site - room, site + room))
    return x, y, z
