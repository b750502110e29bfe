"""What int8 files are made from: one exact plan for all targets, else ranges for a format's own quantizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import ON_CODES
from edgefrac.datasets import open_dataset
from edgefrac.errors import ConversionError, ImageError, UsageError
from edgefrac.evaluation import Collection
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.exportable import ExportNet
from edgefrac.models.layers import LayerGraph, layers_of
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Subject
from edgefrac.progress import Note, Track
from edgefrac.quantization.calibration import carried_ranges, observed_ranges
from edgefrac.quantization.exact_plan import ExactPlan
from edgefrac.quantization.grids import make_plan
from edgefrac.quantization.integers import IntegerNetwork, to_integers
from edgefrac.quantization.plan import Native
from edgefrac.targets.registry import CALIBRATION_HINT, Target
from edgefrac.targets.tflite_quantize import calibrate
from edgefrac.verification.certificate import Calibration
from edgefrac.verification.diagnosis import FileFacts, smoothness


@dataclass(frozen=True)
class Exact:
    """An exact plan of the layers of ``graph``, and the integers that it makes of them."""

    plan: ExactPlan
    network: IntegerNetwork
    graph: LayerGraph

    def keeping(self, floats: tuple[str, ...]) -> Exact:
        """The same with the layers ``floats`` in float32: mixed precision."""
        if floats == self.plan.floats:
            return self
        plan = self.plan.model_copy(update={"floats": floats})
        return Exact(plan, to_integers(self.graph, plan, self.network.gain, self.network.offset), self.graph)


@dataclass(frozen=True)
class Quantization:
    """How int8 files are made: ``exact`` for all targets, or what each format's own quantizer works by, ``native``.

    ``certificate`` says where the ranges came from, ``facts`` what a diagnosis wants to know of that.
    """

    certificate: Calibration
    facts: FileFacts
    exact: Exact | None = None
    native: Native | None = None

    def serves(self, target: Target) -> bool:
        """Whether there can be an int8 file for ``target``."""
        return self.native is None or self.native.images is not None or target.by_ranges


@dataclass(frozen=True)
class Source:
    """Where ranges may come from: a ``folder`` of radiographs, a ``plan`` file, else what the checkpoint carries."""

    folder: Path | None
    plan: Path | None


def quantization_of(
    source: Source,
    recipe: ExportRecipe,
    subject: Subject,
    targets: Sequence[Target],
    float_graph: Callable[[Target], Any],
    gate: Collection,
    note: Note,
    track: Track,
) -> Quantization | None:
    """The recipe's quantization of the subject; None, with a note, where there can be none.

    ``float_graph`` gives a target's graph, which TFLite's own quantizer takes ranges from. Raises UsageError where a
    calibration image is among those of the gate, ConversionError where int8 alone is wanted and cannot be had, or a
    plan is for another network.
    """
    if ON_CODES.isdisjoint(recipe.precisions):
        return None
    graph = None
    if recipe.quantizer == "exact":
        try:
            graph = _layers(subject)
        except ConversionError as error:
            if source.plan or recipe.precision == "mixed":
                raise
            note(f"no exact plan, so that each format's own quantizer makes int8: {error.message}")
    elif source.plan is not None or recipe.precision == "mixed":
        raise UsageError("--plan and mixed precision are for the exact plan alone", hint="--quantizer exact")
    if source.plan is not None and source.folder is not None:
        raise UsageError("give either --plan or --calibration: a plan has its ranges")
    if source.plan is not None and graph is not None:
        plan = _read_plan(source.plan)
        return Quantization(Calibration(source=plan.source), {}, exact=_carried_out(plan, graph, subject))
    if not _has_ranges(source, recipe, subject, targets if graph is None else (), note):
        return None
    images, calibration, facts = _calibration(source.folder, recipe, subject, gate, note)
    if graph is None:
        ranges = subject.plan
        by_ranges = next((target for target in targets if target.by_ranges), None)
        if images is not None:
            ranges = calibrate(float_graph(by_ranges), images, track) if by_ranges else None
        return Quantization(calibration, facts, native=Native(images, ranges))
    if images is None:
        return Quantization(calibration, facts, exact=carried_exact(subject))
    plan = make_plan(graph, observed_ranges(graph, images, track), subject.identity.architecture, calibration.source)
    return Quantization(calibration, facts, exact=_carried_out(plan, graph, subject))


def _has_ranges(source: Source, recipe: ExportRecipe, subject: Subject, native: Sequence[Target], note: Note) -> bool:
    """Whether there are radiographs, or ranges to do without; says which of the ``native`` targets cannot do without.

    Raises ConversionError where nothing but codes is wanted and cannot be had for all targets.
    """
    if source.plan is not None or source.folder is not None:
        return True
    waiting = " and ".join(target.name for target in native if not target.by_ranges)
    needs = "radiographs of the training split (--calibration DIR)"
    if subject.plan is None:
        missing = "int8 needs activation ranges, and this network carries none"
        left_out = f"int8 is left out: it needs {needs}"
    elif waiting:
        missing = f"native int8 for {waiting} needs radiographs, which no ranges of a checkpoint stand in for"
        left_out = f"int8 is left out for {waiting}: a quantizer of their own needs {needs}"
    else:
        return True
    if recipe.precision in ON_CODES:
        raise ConversionError(missing, hint=CALIBRATION_HINT)
    note(left_out)
    return subject.plan is not None and any(target.by_ranges for target in native)


def carried_exact(subject: Subject) -> Exact:
    """The exact plan of the ranges that a checkpoint carries; raises ConversionError where there is none."""
    assert subject.plan is not None
    graph = _layers(subject)
    ranges = carried_ranges(graph, subject.plan.ranges)
    plan = make_plan(graph, ranges, subject.identity.architecture, subject.plan_source)
    return _carried_out(plan, graph, subject)


def _carried_out(plan: ExactPlan, graph: LayerGraph, subject: Subject) -> Exact:
    module = subject.exportable.module
    assert isinstance(module, ExportNet)
    network = to_integers(graph, plan, module.inverse_temperature.numpy(), module.offset.numpy())
    return Exact(plan, network, graph)


def _layers(subject: Subject) -> LayerGraph:
    module = subject.exportable.module
    if not isinstance(module, ExportNet):
        raise ConversionError(
            f"an exact plan ends in an evidence map, and there is {subject.exportable.evidence_statement}"
        )
    return layers_of(module.evidence)


def _read_plan(path: Path) -> ExactPlan:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    return ExactPlan.from_json(text, str(path))


def _calibration(
    folder: Path | None, recipe: ExportRecipe, subject: Subject, gate: Collection, note: Note
) -> tuple[NDArray[np.uint8] | None, Calibration, FileFacts]:
    """Calibration images uint8 [N, S, S] where a folder is given, what the certificate says, and the facts."""
    if folder is None:
        return None, Calibration(source=subject.plan_source), {}
    images, hashes = _calibration_images(folder, recipe, subject.exportable.size)
    shared = set(hashes) & {case.raster_sha256 for case in gate.cases}
    if shared:
        raise UsageError(
            f"{folder}: {len(shared)} calibration images are among those that the gate will use",
            hint="calibrate on radiographs of the training split only",
        )
    note(f"calibrating on {len(images)} images of {folder.name}")
    facts = FileFacts(calibration_source=folder.name, calibration_smoothness=smoothness(images))
    return images, Calibration(source=folder.name, sha256=tuple(sorted(hashes))), facts


def _calibration_images(folder: Path, recipe: ExportRecipe, size: int) -> tuple[NDArray[np.uint8], list[str]]:
    samples = open_dataset(folder).samples
    step = max(1, len(samples) // recipe.calibration_images)
    images, hashes = [], []
    for sample in samples[::step][: recipe.calibration_images]:
        try:
            radiograph = sample.read()
        except ImageError:
            continue
        images.append(preprocess(radiograph.pixels, size))
        hashes.append(radiograph.sha256)
    if not images:
        raise UsageError(f"{folder}: no calibration image could be read")
    return np.stack(images), hashes
