"""Evaluate: models and labelled radiographs in, figures with 95 % intervals out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Familiar, Task, remembered
from edgefrac.datasets.questions import Question
from edgefrac.datasets.sample import Box, Dataset, Sample
from edgefrac.datasets.splits import Folds, check_disjoint
from edgefrac.digest import file_sha256
from edgefrac.errors import DatasetError, ImageError, UsageError
from edgefrac.imaging.evidence import evidence_peak
from edgefrac.imaging.familiarity import foreign
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.progress import Track, silent
from edgefrac.runtimes.portable import Model, OpenModel, PortableModel
from edgefrac.runtimes.session import Prediction, Session
from edgefrac.verification.figures import Figures, figures
from edgefrac.verification.metrics import POINTING_TOLERANCE, pointing_hits
from edgefrac.verification.multilabel import macro_auroc, macro_f1
from edgefrac.verification.statistics import Estimate, clustered_proportion
from edgefrac.workers.framing import Message
from edgefrac.workers.runner import Here, Lost, Runner, run_tracked


@dataclass(frozen=True)
class Case:
    """One labelled radiograph that was read: all that the figures need, without its pixels."""

    id: str
    label: int
    group: str
    boxes: tuple[Box, ...]
    facets: dict[str, str]
    raster_sha256: str
    placement: Placement
    foreign: bool = False


@dataclass(frozen=True)
class Answers:
    """What one model said: ``probability`` float32 [N, K]; ``evidence`` float32 [N, h, w, K] or None."""

    probability: NDArray[np.float32]
    evidence: NDArray[np.float32] | None


@dataclass
class Collection:
    """The cases that were read, and each model's answers to all of them, in the same order."""

    cases: list[Case] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    left_out: int = 0

    @property
    def data_sha256(self) -> str:
        """Identity of what was measured on: hex SHA-256 over the rasters with their labels, in any order."""
        lines = sorted(f"{case.raster_sha256} {case.label}" for case in self.cases)
        return hashlib.sha256("\n".join(lines).encode("ascii")).hexdigest()


Shown: TypeAlias = tuple[Case, list[Prediction]] | str | None
"""A radiograph with what each model says about it, or why it cannot be read, or None where it is to be left out."""


@dataclass(frozen=True)
class Showing:
    """The work of ``collect``: read a radiograph, and show it to every model."""

    models: tuple[Model, ...]
    size: int
    leave_out: frozenset[str]
    familiar: Familiar | None

    def open(self) -> Callable[[Sample], Shown]:
        """Open the models."""
        return partial(self._show, [model.open() for model in self.models])

    def packed(self) -> Showing:
        """The same with the models' content."""
        return replace(self, models=tuple(model.packed() for model in self.models))

    def to_message(self, answer: Shown) -> Message:
        """The case by what its sample does not say, and the predictions as blobs."""
        if answer is None or isinstance(answer, str):
            return {"unreadable": answer}, []
        case, predictions = answer
        head = {
            "sha256": case.raster_sha256,
            "shape": [case.placement.height, case.placement.width],
            "foreign": case.foreign,
            "shapes": [[array.shape for array in _arrays(one)] for one in predictions],
        }
        return head, [array.tobytes() for one in predictions for array in _arrays(one)]

    def from_message(self, item: Sample, message: Message) -> Shown:
        """Raises ValueError or TypeError for what ``to_message`` does not give."""
        head, blobs = message
        if "unreadable" in head:
            return None if head["unreadable"] is None else str(head["unreadable"])
        height, width = map(int, head["shape"])
        placement = Placement(height, width, self.size)
        case = _case(item, str(head["sha256"]), placement, bool(head["foreign"]))
        left = iter(blobs)
        return case, [_prediction(shapes, left) for shapes in head["shapes"]]

    def _show(self, sessions: Sequence[Session], sample: Sample) -> Shown:
        try:
            radiograph = sample.read()
        except ImageError as error:
            return error.message
        digest = radiograph.sha256
        if remembered(digest) in self.leave_out:
            return None
        placement = Placement(radiograph.height, radiograph.width, self.size)
        network_input = preprocess(radiograph.pixels, self.size)
        strange = self.familiar is not None and foreign(radiograph, network_input, self.familiar) is not None
        return _case(sample, digest, placement, strange), [session.predict(network_input) for session in sessions]


def _case(sample: Sample, digest: str, placement: Placement, strange: bool) -> Case:
    facets = dict(sample.facets)
    return Case(sample.id, sample.label, sample.group, sample.boxes, facets, digest, placement, strange)


def _arrays(prediction: Prediction) -> list[NDArray[np.float32]]:
    return [array for array in (prediction.probability, prediction.evidence) if array is not None]


def _prediction(shapes: Sequence[Sequence[int]], blobs: Iterator[bytes]) -> Prediction:
    """What ``_arrays`` took apart; raises ValueError."""
    probability, *evidence = (np.frombuffer(next(blobs, b""), np.float32).reshape(shape) for shape in shapes)
    return Prediction(probability, evidence[0] if evidence else None)


def collect(
    sessions: Sequence[Session],
    samples: Sequence[Sample],
    *,
    leave_out: frozenset[str] = frozenset(),
    familiar: Familiar | None = None,
    track: Track = silent,
    runner: Runner | None = None,
) -> Collection:
    """Read every radiograph once and show it to every model.

    ``leave_out`` holds prefixes of raster hashes (``TrainingData.seen_hashes``); those radiographs are counted only.
    With ``familiar`` each case says whether it looks ``foreign``.
    Unreadable images are listed by their error. ``runner`` lets others do the reading and running, who open the models
    by their paths; the result is the same, except that an image which ends a process is unreadable.
    Raises ``UsageError`` where the models disagree about their input size, and what ``runner`` raises.
    """
    sizes = {session.contract.input.size for session in sessions}
    if len(sizes) != 1:
        raise UsageError(f"models of different input sizes cannot be compared: {sorted(sizes)}")
    size = sizes.pop()
    given = tuple(PortableModel(session.path) if runner else OpenModel(session) for session in sessions)
    showing = Showing(given, size, leave_out, familiar)
    found: dict[int, Shown | Lost] = dict(run_tracked(runner or Here(), showing, samples, "radiographs", track))
    result = Collection()
    probability: list[list[NDArray[np.float32]]] = [[] for _ in sessions]
    evidence: list[list[NDArray[np.float32]]] = [[] for _ in sessions]
    for index, sample in enumerate(samples):
        shown = found[index]
        if isinstance(shown, Lost):
            result.unreadable.append(f"{sample.id}: {shown.reason}")
        elif isinstance(shown, str):
            result.unreadable.append(shown)
        elif shown is None:
            result.left_out += 1
        else:
            case, predictions = shown
            result.cases.append(case)
            for prediction, probabilities, maps in zip(predictions, probability, evidence, strict=True):
                probabilities.append(prediction.probability)
                if prediction.evidence is not None:
                    maps.append(prediction.evidence)
    if result.cases:
        result.answers = [
            Answers(np.stack(probabilities), np.stack(maps) if maps else None)
            for probabilities, maps in zip(probability, evidence, strict=True)
        ]
    return result


def evaluate(
    session: Session,
    dataset: Dataset,
    *,
    include_seen: bool = False,
    split: Folds | None = None,
    fold: int = 0,
    track: Track = silent,
    runner: Runner | None = None,
) -> dict[str, Any]:
    """The document of ``edgefrac evaluate --json``: figures of the model's fracture task at its frozen threshold.

    Radiographs of the model's own training split are left out unless ``include_seen``. With ``split``, only its fold
    ``fold`` is evaluated on, and a model that was trained on any of it is refused. ``runner`` is as in ``collect``.
    Every ``_ci`` is a 95 % interval that respects groups (``verification.figures``); a figure that the data cannot
    define is None.
    Raises ``DatasetError`` where nothing is left to evaluate on, or only one class is.
    """
    contract = session.contract
    task = contract.task()
    samples, seen = judged_on(session, dataset, include_seen=include_seen, split=split, fold=fold)
    if split and not include_seen:
        check_disjoint(seen, {sample.id: split.sha256[sample.id] for sample in samples if sample.id in split.sha256})
    collection = collect([session], samples, leave_out=seen, familiar=contract.familiar, track=track, runner=runner)
    if split:
        split.require_unchanged({case.id: case.raster_sha256 for case in collection.cases})
    require_both_classes(dataset.name, collection)
    answers = collection.answers[0]
    probability = answers.probability[:, task.first_channel]
    overall = case_figures(collection.cases, probability, task.threshold)
    report = {
        **figures_document(overall),
        "ece": overall.ece.value,
        "threshold": task.threshold,
        "slices": _slices(collection.cases, probability, task.threshold),
        "unreadable": collection.unreadable,
        "left_out_seen_in_training": collection.left_out,
        "data_sha256": collection.data_sha256,
        "model_sha256": file_sha256(session.path),
    }
    if contract.familiar is not None:
        strange = np.array([case.foreign for case in collection.cases])
        report |= _entry("foreign", clustered_proportion(strange, [case.group for case in collection.cases]))
    if further := [other for other in contract.tasks if other != task]:
        report["tasks"] = {other.name: task_document(other, collection.cases, answers) for other in further}
    if answers.evidence is not None and any(case.boxes for case in collection.cases):
        report["pointing_game"] = _pointing_game(collection.cases, answers.evidence[:, :, :, task.first_channel])
    return report


def judged_on(
    session: Session, dataset: Dataset, *, include_seen: bool, split: Folds | None, fold: int
) -> tuple[Sequence[Sample], frozenset[str]]:
    """The samples to evaluate on, and the prefixes of hashes to leave out, as ``evaluate`` takes them."""
    seen = frozenset[str]() if include_seen else session.contract.training_data.seen_hashes()
    return split.split(dataset, fold)[1] if split else dataset.samples, seen


def require_both_classes(name: str, collection: Collection) -> None:
    """Raises ``DatasetError``, with what became of the data set ``name``, unless both classes are left."""
    labels = {case.label for case in collection.cases}
    if len(labels) == 2:
        return
    what = "only one class" if labels else "no radiograph"
    rest = f"{collection.left_out} seen in training, {len(collection.unreadable)} unreadable"
    hints = ["--include-seen counts what the model was trained on too"] if collection.left_out else []
    hints += [f"the first unreadable one: {problem}" for problem in collection.unreadable[:1]]
    raise DatasetError(f"{name}: {what} to evaluate on ({len(collection.cases)} used, {rest})", hint="; ".join(hints))


def case_figures(cases: Sequence[Case], probability: NDArray[np.float32], threshold: float) -> Figures:
    """Figures over ``cases`` with their probabilities [N], intervals over their groups."""
    return figures([case.label for case in cases], probability, [case.group for case in cases], threshold)


def figures_document(part: Figures) -> dict[str, Any]:
    """AUROC, sensitivity and specificity as ``evaluate --json`` writes them, each with its ``_ci``."""
    return {
        "n": part.n,
        "positives": part.positives,
        **_entry("auroc", part.auroc),
        **_entry("sensitivity", part.sensitivity),
        **_entry("specificity", part.specificity),
    }


def task_document(task: Task, cases: Sequence[Case], answers: Answers) -> dict[str, Any]:
    """Figures of a task with several classes, over the cases whose facets answer it: macro AUROC, macro F1, AUROCs."""
    question = Question(task.name, task.kind, task.classes)
    wanted = np.array([question.answers(case.label, case.facets) for case in cases])
    known = ~np.isnan(wanted).any(axis=1)
    wanted, groups = wanted[known], np.array([case.group for case in cases])[known]
    probability = answers.probability[known, task.span]
    return multilabel_document(task.classes, wanted, probability, groups)


def multilabel_document(
    classes: Sequence[str],
    answers: NDArray[np.floating],
    probability: NDArray[np.floating],
    groups: NDArray[np.generic],
) -> dict[str, Any]:
    """Macro AUROC and macro F1 with their ``_ci``, and each class's AUROC; arrays are [N, K] and [N]."""
    each = {name: macro_auroc(answers[:, [k]], probability[:, [k]], groups) for k, name in enumerate(classes)}
    return {
        "n": len(answers),
        **_entry("macro_auroc", macro_auroc(answers, probability, groups)),
        **_entry("macro_f1", macro_f1(answers, probability, groups)),
        "auroc": {name: estimate.value for name, estimate in each.items()},
    }


def _entry(name: str, estimate: Estimate) -> dict[str, Any]:
    return {name: estimate.value, f"{name}_ci": estimate.interval}


def _slices(cases: Sequence[Case], probability: NDArray[np.float32], threshold: float) -> dict[str, Any]:
    """Figures by facet: "region=hand" holds the cases that have this facet with this value."""
    result = {}
    for facet, value in sorted({pair for case in cases for pair in case.facets.items()}):
        chosen = [index for index, case in enumerate(cases) if case.facets.get(facet) == value]
        part = case_figures([cases[index] for index in chosen], probability[chosen], threshold)
        result[f"{facet}={value}"] = figures_document(part)
    return result


def _pointing_game(cases: Sequence[Case], evidence: NDArray[np.float32]) -> dict[str, Any]:
    """Share of the images with fracture boxes whose evidence peak hits one; ``evidence`` is [N, h, w]."""
    chosen = [index for index, case in enumerate(cases) if case.boxes]
    boxed = [cases[index] for index in chosen]
    peaks = [evidence_peak(evidence[index], cases[index].placement) for index in chosen]
    boxes = [[(box.x, box.y, box.x + box.width, box.y + box.height) for box in case.boxes] for case in boxed]
    sizes = [(case.placement.height, case.placement.width) for case in boxed]
    groups = [case.group for case in boxed]
    inside = pointing_hits(peaks, boxes, sizes)
    near = pointing_hits(peaks, boxes, sizes, POINTING_TOLERANCE)
    return {
        "n": len(boxed),
        **_entry("inside", clustered_proportion(inside, groups)),
        **_entry("near", clustered_proportion(near, groups)),
        "tolerance": POINTING_TOLERANCE,
    }
