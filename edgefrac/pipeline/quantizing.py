"""What int8 files are made from: one exact plan for all targets, else ranges for a format's own quantizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
from edgefrac.quantization.plan import Plan
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
        plan = self.plan.model_copy(update={"floats": floats})
        return Exact(plan, to_integers(self.graph, plan, self.network.gain, self.network.offset), self.graph)


@dataclass(frozen=True)
class Quantization:
    """How int8 files are made: ``exact`` for all targets, or ``native`` ranges for TFLite's own quantizer.

    ``certificate`` says where the ranges came from, ``facts`` what a diagnosis wants to know of that.
    """

    certificate: Calibration
    facts: FileFacts
    exact: Exact | None = None
    native: Plan | None = None


@dataclass(frozen=True)
class Source:
    """Where ranges may come from: a ``folder`` of radiographs, a ``plan`` file, else what the checkpoint carries."""

    folder: Path | None
    plan: Path | None


def quantization_of(
    source: Source,
    recipe: ExportRecipe,
    subject: Subject,
    float_tflite: Callable[[], bytes] | None,
    gate: Collection,
    note: Note,
    track: Track,
) -> Quantization | None:
    """The recipe's quantization of the subject; None, with a note, where there can be none.

    ``float_tflite`` gives the TFLite graph that the native quantizer works on, None where no such file is wanted.
    Raises UsageError where a calibration image is among those of the gate, ConversionError where int8 alone is wanted
    and cannot be had, or a plan is for another network.
    """
    if not {"int8", "mixed"} & {*recipe.precisions}:
        return None
    graph = None
    if recipe.quantizer == "exact":
        try:
            graph = _layers(subject)
        except ConversionError as error:
            if source.plan or (recipe.precision == "int8" and float_tflite is None):
                raise
            note(f"no exact plan: {error.message}")
    if graph is None and float_tflite is None:
        note("int8 is left out: without an exact plan there is one for TFLite only")
        return None
    if source.plan is None and source.folder is None and subject.plan is None:
        if recipe.precision == "int8":
            raise ConversionError(
                "int8 needs activation ranges, and this network carries none",
                hint="give radiographs of its training split with --calibration DIR",
            )
        note("int8 is left out: it needs radiographs of the training split (--calibration DIR)")
        return None
    if source.plan is not None and source.folder is not None:
        raise UsageError("give either --plan or --calibration: a plan has its ranges")
    if source.plan is not None and graph is not None:
        plan = _read_plan(source.plan)
        return Quantization(Calibration(source=plan.source), {}, exact=_carried_out(plan, graph, subject))
    images, calibration, facts = _calibration(source.folder, recipe, subject, gate, note)
    if graph is None:
        assert float_tflite is not None
        native = calibrate(float_tflite(), images, track) if images is not None else subject.plan
        return Quantization(calibration, facts, native=native)
    if images is None:
        return Quantization(calibration, facts, exact=carried_exact(subject))
    plan = make_plan(graph, observed_ranges(graph, images, track), subject.identity.architecture, calibration.source)
    return Quantization(calibration, facts, exact=_carried_out(plan, graph, subject))


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
