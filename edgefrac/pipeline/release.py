"""Make a trained checkpoint ready to ship: robust to int8, small, measured, with the ranges an export needs.

The radiographs stay where they are; what travels is one range per tensor, taken from training radiographs, so that
whoever has the checkpoint exports a well-quantized file with no data at hand.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.contract import Familiar
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.errors import ConversionError
from edgefrac.evaluation import evaluate
from edgefrac.imaging.familiarity import fit_familiar
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.channel_graph import trace
from edgefrac.models.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from edgefrac.models.equalization import equalize
from edgefrac.models.exportable import from_checkpoint
from edgefrac.models.folding import fold, halve
from edgefrac.models.layers import layers_of
from edgefrac.models.network import FractureNet, evidence_cells
from edgefrac.pipeline.freezing import HeldOut, freeze
from edgefrac.progress import Note, Track
from edgefrac.quantization.calibration import carried_ranges
from edgefrac.quantization.grids import make_plan
from edgefrac.quantization.integers import IntegerConvolution, to_integers
from edgefrac.quantization.ranges import Range
from edgefrac.runtimes.session import open_session
from edgefrac.targets import tflite
from edgefrac.targets.tflite_quantize import calibrate
from edgefrac.training.fit import TrainingSet
from edgefrac.training.hardening import harden
from edgefrac.training.recipe import Recipe

CALIBRATION_IMAGES = 256


@dataclass(frozen=True)
class Trained:
    """A fold's checkpoint, what it was trained on (``packed`` with phantoms), and what it never saw."""

    checkpoint: Path
    recipe: Recipe
    training: Sequence[Sample]
    packed: TrainingSet
    dataset: Dataset
    held_out: HeldOut


def release(trained: Trained, out: Path, *, note: Note, track: Track, resume: bool, progress: bool) -> CheckpointInfo:
    """Make a trained checkpoint exportable and measure it; write to ``out``.

    Raises CheckpointError, ConversionError, ImageError, OutputError.
    """
    # elsewhere first: a run that is resumed takes what has the name for whole
    with TemporaryDirectory(prefix="edgefrac-") as folder:
        unmeasured = Path(folder) / out.name
        network, info = make_exportable(trained, unmeasured, note=note, track=track, resume=resume, progress=progress)
        note(f"measuring on {len(trained.dataset)} held-out radiographs")
        metrics = evaluate(open_session(unmeasured, threads=2), trained.dataset, track=track)
    metrics.pop("model_sha256")  # of a file that does not hold its own figures yet
    info = info.model_copy(update={"metrics": metrics})
    save_checkpoint(out, network, info, half=True)
    return info


def make_exportable(
    trained: Trained, out: Path, *, note: Note, track: Track, resume: bool, progress: bool
) -> tuple[FractureNet, CheckpointInfo]:
    """Fold, prepare for int8 by the recipe, round to float16, freeze and take ranges; write to ``out``.

    Raises CheckpointError, ConversionError, ImageError, OutputError.
    """
    network, info = load_checkpoint(trained.checkpoint)
    fold(network)
    count = len(trained.training)
    chosen = trained.training[:: max(1, count // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]
    images = np.stack([preprocess(sample.read().pixels, info.input_size) for sample in chosen])
    if trained.recipe.int8.epochs:
        note(f"preparing for int8, with {len(chosen)} training radiographs to equalize by")
        _prepare_for_int8(
            network, trained, images, trained.checkpoint.parent / "int8", resume=resume, progress=progress
        )
    halve(network)
    info = info.model_copy(
        update={"recipe": trained.recipe.model_dump(mode="json"), "architecture": network.architecture, "metrics": {}}
    )
    note(f"activation ranges from {len(chosen)} training radiographs")
    plan = calibrate(tflite.convert_float(from_checkpoint(network, info)), images, track)
    if trained.recipe.int8.epochs:
        try:
            halve(put_on_exact_grid(network, plan.ranges))
        except ConversionError as error:
            note(f"weights stay on TFLite's own grid, there is no exact plan: {error.message}")
    states, _ = freeze(network, trained.held_out, trained.recipe.minimum_sensitivity, track)
    source = f"{len(chosen)} training radiographs of {', '.join(info.training_data.names)}"
    carried = {"ranges": plan.ranges, "evidence_shift": plan.evidence_shift, "ranges_source": source}
    info = info.model_copy(update={"tasks": states, "familiar": _familiar(trained.packed), **carried})
    save_checkpoint(out, network, info, half=True)
    return network, info


def _familiar(packed: TrainingSet) -> Familiar | None:
    """How the training radiographs look, phantoms aside where there are others."""
    rows = packed.rows[~packed.phantom] if not packed.phantom.all() else packed.rows
    return fit_familiar(packed.pack.images[np.unique(rows)])


def put_on_exact_grid(network: FractureNet, ranges: Mapping[str, Range]) -> FractureNet:
    """Round the weights, in place, to those that the exact plan of ``ranges`` makes of them.

    The float32 network is then defined by them, so that int8 loses nothing by rounding weights; its plan is the same
    again. Raises ConversionError where there is no such plan.
    """
    evidence = evidence_cells(network)
    graph, traced = layers_of(evidence), trace(evidence)
    assert traced is not None
    plan = make_plan(graph, carried_ranges(graph, ranges), network.architecture, "")
    none = np.zeros(len(graph.convolutions()[-1].weight), np.float32)
    integers = [x for x in to_integers(graph, plan, none, none).layers if isinstance(x, IntegerConvolution)]
    for unit, layer in zip(traced.units, integers, strict=True):
        steps = plan.weight_steps(layer.name)[:, None, None, None]
        unit.convolution.weight.data = torch.from_numpy(layer.weight * steps).float()
    return network


def _prepare_for_int8(
    network: FractureNet, trained: Trained, images: NDArray[np.uint8], folder: Path, *, resume: bool, progress: bool
) -> None:
    teacher = copy.deepcopy(network)
    equalize(network, images)
    harden(network, teacher, trained.recipe, trained.packed, folder, resume=resume, progress=progress)
