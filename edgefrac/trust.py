"""Can a model's evidence maps be trusted? Do they find fractures, matter to the answer, and stay the same?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import remembered
from edgefrac.datasets.sample import Sample
from edgefrac.errors import DatasetError, ImageError, UsageError
from edgefrac.imaging.evidence import to_raster
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.progress import Track, silent
from edgefrac.runtimes.session import Session
from edgefrac.verification.disturbances import DISTURBANCES
from edgefrac.verification.faithfulness import faithfulness
from edgefrac.verification.likeness import correlation, ssim, top_overlap
from edgefrac.verification.localisation import average_precision, energy_inside
from edgefrac.verification.statistics import ClusterBootstrap

TOP = 0.05
"""Share of the radiograph whose overlap says whether a map stayed."""
SIZES = ((0.005, "box < 0.5 %"), (0.02, "box < 2 %"), (1.0, "box >= 2 %"))
"""Fracture sizes: the largest box's share of the radiograph, and what the slice is called."""

Pixels = NDArray[np.uint8]
Values = NDArray[np.floating]
Named = Sequence[tuple[str, Session]]


@dataclass(frozen=True)
class _Found:
    group: str
    slices: tuple[str, ...]
    figures: dict[str, float]
    beside: tuple[dict[str, float], ...]


def explanation_figures(
    session: Session,
    samples: Sequence[Sample],
    leave_out: frozenset[str] = frozenset(),
    *,
    beside: Sequence[Session] = (),
    randomised: Named = (),
    track: Track = silent,
) -> dict[str, Any]:
    """The ``explanations`` of ``edgefrac evaluate --explanations --json``, over the samples with marked fractures.

    ``energy`` and ``auprc`` ask whether the evidence lies on the mark (polygons, else boxes); ``deletion`` and
    ``insertion`` whether the answer depends on what the map shows, with ``_chance`` for a map of random cells;
    ``shift``, ``noise`` and ``encoding`` whether its top 5 % stay where they were (intersection over union) when the
    image moves by 8 pixels, gets noise of 4 grey levels, or is stored as JPEG again. Means over radiographs, each with
    its ``_ci``. ``beside`` are other models whose maps are held against this one's: another precision, another seed;
    ``randomised`` those of ``verification.randomisation``, whose weights are shuffled more and more.
    ``leave_out`` is that of ``evaluation.collect``. Raises UsageError for a model without map or of another input
    size, DatasetError where nothing is marked.
    """
    for one in (session, *beside):
        _require_map(one, session.contract.input.size)
    others = [*beside, *(one for _, one in randomised)]
    marked = [sample for sample in samples if sample.boxes]
    found = []
    for number, sample in enumerate(track(marked, "explanations")):
        try:
            radiograph = sample.read()
        except ImageError:
            continue  # evaluate lists it
        if remembered(radiograph.sha256) not in leave_out:
            found.append(_judged(_Shown(session, sample, radiograph), number, others))
    if not found:
        raise DatasetError("no radiograph with a marked fracture to judge explanations by")
    names = sorted({name for one in found for name in one.slices})
    document = _document([(one.group, one.figures) for one in found])
    document["slices"] = {
        name: _document([(one.group, one.figures) for one in found if name in one.slices]) for name in names
    }
    likeness = [_document([(one.group, one.beside[k]) for one in found]) for k in range(len(others))]
    if beside:
        document["beside"] = [{"model": str(other.path), **like} for other, like in zip(beside, likeness, strict=False)]
    if randomised:
        shuffled = zip(randomised, likeness[len(beside) :], strict=True)
        steps = [{"shuffled": name, **like} for (name, _), like in shuffled]
        document["randomisation"] = {"steps": steps, "passed": _forgets(document, steps[-1])}
    return document


@dataclass(frozen=True)
class _Shown:
    """One radiograph as a model is shown it."""

    session: Session
    sample: Sample
    radiograph: Radiograph

    @cached_property
    def placement(self) -> Placement:
        return Placement(self.radiograph.height, self.radiograph.width, self.session.contract.input.size)

    @cached_property
    def image(self) -> Pixels:
        return preprocess(self.radiograph.pixels, self.placement.size)

    @cached_property
    def values(self) -> NDArray[np.float32]:
        return _map(self.session, self.image)

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the radiograph lies on the network input."""
        (rows, columns), (top, left) = self.placement.resized, self.placement.offset
        return np.s_[top : top + rows, left : left + columns]

    def probability(self, image: Pixels) -> float:
        return float(self.session.predict(image).probability[self.session.contract.task().first_channel])


def _judged(shown: _Shown, number: int, others: Iterable[Session]) -> _Found:
    inside, mask = shown.inside, _mask(shown.sample, shown.placement)[shown.inside]
    here = shown.values[inside]
    figures = {"energy": energy_inside(here, mask), "auprc": average_precision(here, mask)}
    figures |= _dependence(shown, number) | _steadiness(shown, number)
    beside = tuple(_alike(here, _map(other, shown.image)[inside]) for other in others)
    share = max(box.width * box.height for box in shown.sample.boxes) / shown.radiograph.pixels.size
    size = next(name for limit, name in SIZES if share < limit or limit == 1.0)
    facets = [f"{facet}={value}" for facet, value in shown.sample.facets.items() if facet == "region"]
    return _Found(shown.sample.group, (size, *facets), figures, beside)


def _alike(here: Values, there: Values) -> dict[str, float]:
    return {
        "overlap": top_overlap(here, there, TOP),
        "correlation": correlation(here, there),
        "ssim": ssim(here, there),
    }


def _dependence(shown: _Shown, number: int) -> dict[str, float]:
    """Insertion and deletion by the map, and by random cells of the same size."""
    inside = np.zeros(shown.image.shape, np.bool_)
    inside[shown.inside] = True
    cells = next(output.cells for output in shown.session.contract.outputs if output.name == "evidence")
    random = np.random.default_rng(number).random(cells, np.float32)
    figures: dict[str, float] = {}
    for suffix, values in (("", shown.values), ("_chance", _spread(random, len(shown.image)))):
        found = faithfulness(shown.probability, shown.image, values, inside)
        figures |= {f"deletion{suffix}": found.deletion, f"insertion{suffix}": found.insertion}
    return figures


def _steadiness(shown: _Shown, number: int) -> dict[str, float]:
    size = shown.placement.size
    (rows, columns), (top, left) = shown.placement.resized, shown.placement.offset
    figures = {}
    for name, disturbance in DISTURBANCES.items():
        down, right = disturbance.moved
        disturbed = _map(shown.session, disturbance.change(shown.image, number))
        again = np.roll(disturbed, (-down, -right), (0, 1))
        kept = np.s_[top : min(top + rows, size - down), left : min(left + columns, size - right)]
        figures[name] = top_overlap(shown.values[kept], again[kept], TOP)
    return figures


def _map(session: Session, image: Pixels) -> NDArray[np.float32]:
    """Calibrated log-odds that each pixel of a network input adds, up to a factor: float32 [S, S]."""
    task, prediction = session.contract.task(), session.predict(image)
    assert prediction.evidence is not None
    return _spread(prediction.evidence[:, :, task.first_channel] + np.float32(task.bias[0]), len(image))


def _spread(cells: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    return to_raster(cells, Placement(size, size, size))


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


def _require_map(session: Session, size: int) -> None:
    if not session.contract.has_evidence:
        raise UsageError(f"{session.path}: the model has no evidence map to judge")
    if session.contract.input.size != size:
        raise UsageError(f"{session.path}: takes {session.contract.input.size} px, not the {size} px it is compared at")


def _forgets(document: dict[str, Any], last: dict[str, Any]) -> bool | None:
    """Whether shuffling all weights moves the map more than any change does that leaves the diagnosis as it is."""
    lowest = [document[f"{name}_ci"] for name in DISTURBANCES]
    if last["overlap_ci"] is None or None in lowest:
        return None
    return bool(last["overlap_ci"][1] < min(low for low, _ in lowest))


def _document(found: Sequence[tuple[str, dict[str, float]]]) -> dict[str, Any]:
    bootstrap = ClusterBootstrap([group for group, _ in found])
    document: dict[str, Any] = {"n": len(found)}
    for name in found[0][1]:
        values = np.array([figures[name] for _, figures in found])
        estimate = bootstrap.estimate(float(values.mean()), bootstrap.mean(values))
        document |= {name: estimate.value, f"{name}_ci": estimate.interval}
    return document
