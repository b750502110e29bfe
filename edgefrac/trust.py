"""Can a model's evidence maps be trusted? Do they find marked fractures, and do they stay when nothing changed?"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import remembered
from edgefrac.datasets.sample import Sample
from edgefrac.errors import DatasetError, ImageError, UsageError
from edgefrac.imaging.evidence import to_raster
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.progress import Track, silent
from edgefrac.runtimes.session import Session
from edgefrac.verification.localisation import average_precision, energy_inside, top_overlap
from edgefrac.verification.statistics import ClusterBootstrap

TOP = 0.05
"""Share of the radiograph whose overlap says whether a map stayed."""
SIZES = ((0.005, "box < 0.5 %"), (0.02, "box < 2 %"), (1.0, "box >= 2 %"))
"""Fracture sizes: the largest box's share of the radiograph, and what the slice is called."""
_SHIFT = 8  # pixels of the network input
_NOISE = 4.0  # standard deviation in grey levels
_QUALITY = 60

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class _Disturbance:
    """A change that leaves the diagnosis as it is; ``moved`` are (rows, columns) by which it moves the image."""

    change: Callable[[Pixels, int], Pixels]
    moved: tuple[int, int] = (0, 0)


def _shifted(image: Pixels, _: int) -> Pixels:
    moved = np.zeros_like(image)
    moved[_SHIFT:, _SHIFT:] = image[:-_SHIFT, :-_SHIFT]
    return moved


def _noisy(image: Pixels, number: int) -> Pixels:
    noise = np.random.default_rng(number).normal(0, _NOISE, image.shape)
    return np.where(image > 0, np.clip(np.rint(image + noise), 0, 255), 0).astype(np.uint8)


def _encoded_again(image: Pixels, _: int) -> Pixels:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=_QUALITY)
    return np.asarray(Image.open(buffer))


DISTURBANCES = {
    "shift": _Disturbance(_shifted, (_SHIFT, _SHIFT)),
    "noise": _Disturbance(_noisy),
    "encoding": _Disturbance(_encoded_again),
}


@dataclass(frozen=True)
class _Found:
    group: str
    slices: tuple[str, ...]
    figures: dict[str, float]


def explanation_figures(
    session: Session, samples: Sequence[Sample], leave_out: frozenset[str] = frozenset(), *, track: Track = silent
) -> dict[str, Any]:
    """The ``explanations`` of ``edgefrac evaluate --explanations --json``, over the samples with marked fractures.

    ``energy`` and ``auprc`` ask whether the evidence lies on the mark (polygons, else boxes), ``shift``, ``noise`` and
    ``encoding`` whether its top 5 % stay where they were (intersection over union) when the image moves by 8 pixels,
    gets noise of 4 grey levels, or is stored as JPEG again. Means over radiographs, each with its ``_ci``.
    ``leave_out`` is that of ``evaluation.collect``. Raises UsageError for a model without map, DatasetError where
    nothing is marked.
    """
    if not any(output.name == "evidence" for output in session.contract.outputs):
        raise UsageError(f"{session.contract.name}: the model has no evidence map to judge")
    marked = [sample for sample in samples if sample.boxes]
    found = []
    for number, sample in enumerate(track(marked, "explanations")):
        try:
            radiograph = sample.read()
        except ImageError:
            continue  # evaluate lists it
        if remembered(radiograph.sha256) not in leave_out:
            found.append(_judged(session, sample, radiograph.pixels, number))
    if not found:
        raise DatasetError("no radiograph with a marked fracture to judge explanations by")
    names = sorted({name for one in found for name in one.slices})
    parts = {name: [one for one in found if name in one.slices] for name in names}
    return {**_document(found), "slices": {name: _document(part) for name, part in parts.items()}}


def _judged(session: Session, sample: Sample, pixels: Pixels, number: int) -> _Found:
    size = session.contract.input.size
    image, placement = preprocess(pixels, size), Placement(pixels.shape[0], pixels.shape[1], size)
    (rows, columns), (top, left) = placement.resized, placement.offset
    inside = np.s_[top : top + rows, left : left + columns]
    values = _map(session, image)
    mask = _mask(sample, placement)[inside]
    figures = {"energy": energy_inside(values[inside], mask), "auprc": average_precision(values[inside], mask)}
    for name, disturbance in DISTURBANCES.items():
        down, right = disturbance.moved
        again = np.roll(_map(session, disturbance.change(image, number)), (-down, -right), (0, 1))
        kept = np.s_[top : min(top + rows, size - down), left : min(left + columns, size - right)]
        figures[name] = top_overlap(values[kept], again[kept], TOP)
    share = max(box.width * box.height for box in sample.boxes) / pixels.size
    name = next(name for limit, name in SIZES if share < limit or limit == 1.0)
    facets = [f"{facet}={value}" for facet, value in sample.facets.items() if facet == "region"]
    return _Found(sample.group, (name, *facets), figures)


def _map(session: Session, image: Pixels) -> NDArray[np.float32]:
    """Calibrated log-odds that each pixel of a network input adds, up to a factor: float32 [S, S]."""
    task, prediction = session.contract.task(), session.predict(image)
    assert prediction.evidence is not None
    field = Placement(len(image), len(image), len(image))
    return to_raster(prediction.evidence[:, :, task.first_channel] + np.float32(task.bias[0]), field)


def _mask(sample: Sample, placement: Placement) -> NDArray[np.bool_]:
    """What is marked, on the network input [S, S]; at least the pixel in the middle of a mark."""
    from PIL import Image, ImageDraw

    canvas = Image.new("1", (placement.size, placement.size))
    draw = ImageDraw.Draw(canvas)
    corners = [
        ((b.x, b.y), (b.x + b.width, b.y), (b.x + b.width, b.y + b.height), (b.x, b.y + b.height)) for b in sample.boxes
    ]
    for polygon in sample.polygons or corners:
        draw.polygon([placement.to_input(x, y) for x, y in polygon], fill=1)
    return np.asarray(canvas)


def _document(found: Sequence[_Found]) -> dict[str, Any]:
    bootstrap = ClusterBootstrap([one.group for one in found])
    document: dict[str, Any] = {"n": len(found)}
    for name in found[0].figures:
        values = np.array([one.figures[name] for one in found])
        estimate = bootstrap.estimate(float(values.mean()), bootstrap.mean(values))
        document |= {name: estimate.value, f"{name}_ci": estimate.interval}
    return document
