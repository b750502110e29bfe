"""Phantoms as a data set, made on the fly: "phantom:n=200,seed=7,difficulty=medium,task=type,modality=ct"."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from edgefrac.datasets.phantom.fracture import DIFFICULTIES, KINDS
from edgefrac.datasets.phantom.generate import fracture_mask, phantom_image
from edgefrac.datasets.phantom.scene import VIEWS, Scene, draw_scene
from edgefrac.datasets.phantom.slices import MODALITIES as SLICES
from edgefrac.datasets.phantom.slices import Slice, phantom_slice
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import CLASSES, Box, Dataset, Polygon, Sample
from edgefrac.errors import UsageError
from edgefrac.imaging.radiograph import Radiograph

NOTICE = "phantom, not clinical"
LICENCE = "Apache-2.0"
ATTRIBUTION = "synthetic radiographs made by EdgeFrac; " + NOTICE
DEFAULT_COUNT = 400
DEFAULT_SEED = 0
DEFAULT_SIDE = 448  # pixels along the longer side, about those of FracAtlas
TASKS = ("fracture", "type")
MODALITIES = ("xray", *SLICES)

_PAD = 3  # pixels by which a box or polygon is larger than its mask
_CHOICES = {"difficulty": DIFFICULTIES, "task": TASKS, "modality": MODALITIES}


@dataclass(frozen=True)
class Series:
    """Which phantoms: the stream ``seed``, one ``difficulty`` or all mixed (None), what is told apart, how imaged."""

    seed: int = DEFAULT_SEED
    difficulty: str | None = None
    task: str = "fracture"
    longer_side: int = DEFAULT_SIDE
    modality: str = "xray"

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels' names: fractured or not, or the type of fracture."""
        return CLASSES if self.task == "fracture" else (CLASSES[0], *KINDS)

    def label(self, kind: str) -> int:
        """The label of a fracture of type ``kind``, or of "none"."""
        if kind == "none":
            return 0
        return 1 if self.task == "fracture" else self.classes.index(kind)

    def reader(self, index: int) -> PhantomReader:
        """What makes phantom ``index``."""
        return PhantomReader(self.seed, index, self.longer_side, self.difficulty, self.modality)

    def __str__(self) -> str:
        chosen = {"difficulty": self.difficulty, "task": self.task, "modality": self.modality}
        unusual = [f"{key}={value}" for key, value in chosen.items() if value not in (None, "fracture", "xray")]
        return ",".join([f"seed={self.seed}", *unusual])


@dataclass(frozen=True)
class PhantomReader:
    """Makes phantom ``index`` of the stream ``seed`` anew on each read."""

    seed: int
    index: int
    longer_side: int
    difficulty: str | None = None
    modality: str = "xray"

    def read(self) -> Radiograph:
        """The phantom; never fails."""
        if self.modality == "xray":
            made = phantom_image(self.seed, self.index, longer_side=self.longer_side, difficulty=self.difficulty)
            return Radiograph(made[0], "phantom", notes=(NOTICE,))
        cut = self.slice()
        spacing = (cut.spacing, cut.spacing)
        return Radiograph(cut.pixels, "phantom", self.modality.upper(), spacing, notes=(NOTICE,))

    def mask(self) -> NDArray[np.bool_]:
        """Where the fracture shows, bool [H, W]; empty where nothing is broken."""
        return fracture_mask(self.scene()) if self.modality == "xray" else self.slice().mask

    def facets(self) -> dict[str, str]:
        """What is known of the patient and the view."""
        return self.scene().facets if self.modality == "xray" else self.slice().facets

    def scene(self) -> Scene:
        """Patient and view of a radiograph."""
        return draw_scene(self.seed, self.index, self.longer_side, self.difficulty)

    def slice(self) -> Slice:
        """A CT or MR slice."""
        return phantom_slice(self.seed, self.index, self.modality, side=self.longer_side, difficulty=self.difficulty)


@source
def open_phantoms(location: str) -> Dataset | None:
    """Open "phantom[:n=…,seed=…,difficulty=…,task=…,modality=…]"; None for anything else."""
    name, _, settings = location.partition(":")
    if name != "phantom" or Path(location).exists():
        return None
    known: dict[str, str] = {}
    for setting in filter(None, settings.split(",")):
        key, _, value = setting.partition("=")
        good = value.isdecimal() if key in ("n", "seed") else value in _CHOICES.get(key, ())
        if not good:
            choices = "; ".join(f"{name} is one of {', '.join(values)}" for name, values in _CHOICES.items())
            raise UsageError(
                f"{location}: cannot read {setting!r}",
                hint=f"for example phantom:n=200,seed=7,difficulty=easy; {choices}",
            )
        known[key] = value
    return phantom_dataset(
        int(known.get("n", DEFAULT_COUNT)),
        int(known.get("seed", DEFAULT_SEED)),
        difficulty=known.get("difficulty"),
        task=known.get("task", "fracture"),
        modality=known.get("modality", "xray"),
    )


def phantom_dataset(
    n: int = DEFAULT_COUNT,
    seed: int = DEFAULT_SEED,
    *,
    longer_side: int = DEFAULT_SIDE,
    difficulty: str | None = None,
    task: str = "fracture",
    modality: str = "xray",
) -> Dataset:
    """``n`` phantoms, two views a patient, patients fractured by turns; made when read.

    ``difficulty`` ("easy", "medium", "hard") makes all fractures of one grade, else grades mix; ``task`` "type" labels
    by type of fracture instead of fractured or not; ``modality`` "ct" or "mr" makes slices instead of radiographs.
    Raises ``UsageError``.
    """
    if n < 1 or seed < 0:
        raise UsageError(f"{n} phantoms of seed {seed}: need at least one, and a seed from 0 up")
    for key, value in (("difficulty", difficulty), ("task", task), ("modality", modality)):
        if value not in _CHOICES[key] and not (key == "difficulty" and value is None):
            raise UsageError(f"no phantoms of {key} {value!r}", hint=f"{key} is one of {', '.join(_CHOICES[key])}")
    series = Series(seed, difficulty, task, longer_side, modality)
    samples = tuple(_sample(series, index) for index in range(n))
    name = f"phantom:n={n},{series}"
    return Dataset(name, samples, series.classes, licence=LICENCE, attribution=ATTRIBUTION, synthetic=True)


def _sample(series: Series, index: int) -> Sample:
    reader = series.reader(index)
    facets, mask = reader.facets(), reader.mask()
    chosen = (fact for fact in (series.difficulty, series.modality) if fact not in (None, "xray"))
    stream = "-".join((str(series.seed), *map(str, chosen)))
    return Sample(
        id=f"phantom-{stream}-{index:05d}",
        label=series.label(facets["type"]),
        reader=reader,
        group=f"patient-{series.seed}-{index // VIEWS:05d}",
        boxes=_boxes(mask),
        polygons=_hull(mask),
        facets=facets,
    )


def _boxes(mask: NDArray[np.bool_]) -> tuple[Box, ...]:
    """The box around a mask, padded; none around an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return ()
    left, top = max(0, int(columns[0]) - _PAD), max(0, int(rows[0]) - _PAD)
    right, bottom = min(mask.shape[1], int(columns[-1]) + 1 + _PAD), min(mask.shape[0], int(rows[-1]) + 1 + _PAD)
    return (Box(left, top, right - left, bottom - top),)


def _hull(mask: NDArray[np.bool_]) -> tuple[Polygon, ...]:
    """The convex outline of a mask, padded, within the image; none around an empty one."""
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return ()
    corners = [(columns + dx, rows + dy) for dx in (-_PAD, 1 + _PAD) for dy in (-_PAD, 1 + _PAD)]
    xs, ys = (np.concatenate(axis) for axis in zip(*corners, strict=True))
    points = np.stack([np.clip(xs, 0, mask.shape[1]), np.clip(ys, 0, mask.shape[0])], axis=1)
    return (tuple((float(x), float(y)) for x, y in points[ConvexHull(points).vertices]),)
