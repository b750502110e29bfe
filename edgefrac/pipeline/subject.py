"""The subject of an export: the network, where it comes from, and the activation ranges it is quantized with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import TrainingData
from edgefrac.datasets import open_dataset
from edgefrac.digest import file_sha256
from edgefrac.errors import ConversionError, ImageError, UsageError
from edgefrac.evaluation import Collection
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import Exportable, Identity, from_checkpoint, identify
from edgefrac.models.external import load_external
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.prediction import REFERENCE_CHECKPOINT
from edgefrac.progress import Note, Track
from edgefrac.quantization.plan import Plan
from edgefrac.targets.tflite_quantize import calibrate
from edgefrac.verification.certificate import Calibration
from edgefrac.verification.diagnosis import FileFacts, smoothness


@dataclass(frozen=True)
class Subject:
    """The network to export and where it comes from."""

    exportable: Exportable
    identity: Identity
    path: Path
    plan: Plan | None
    plan_source: str
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Calibrated:
    """Activation ranges, where they came from, and what a diagnosis wants to know of that."""

    plan: Plan
    certificate: Calibration
    facts: FileFacts


def load_subject(checkpoint: Path | None, network: str | None, recipe: ExportRecipe) -> Subject:
    """A checkpoint (by default the bundled reference) or a foreign network; raises CheckpointError, UsageError."""
    if network:
        if checkpoint:
            raise UsageError("give either a checkpoint or --model, not both")
        exportable = load_external(network, recipe.input_size)
        identity = Identity(
            name=network.rpartition(":")[2],
            version="0",
            architecture=network,
            checkpoint_sha256=exportable.weights_sha256(),
            training_data=TrainingData(names=("unknown",), licence="unknown", attribution=""),
        )
        return Subject(exportable, identity, Path(network), None, "", {})
    path = checkpoint or REFERENCE_CHECKPOINT
    trained, info = load_checkpoint(path)
    return Subject(
        from_checkpoint(trained, info),
        identify(info, file_sha256(path)),
        path,
        Plan(dict(info.ranges), info.evidence_shift) if info.ranges else None,
        info.ranges_source,
        info.metrics,
    )


def calibrated_by(
    folder: Path | None,
    recipe: ExportRecipe,
    subject: Subject,
    float_model: bytes,
    gate: Collection,
    note: Note,
    track: Track,
) -> Calibrated | None:
    """Ranges from radiographs in ``folder``, else those that the checkpoint carries, else None.

    Raises UsageError where a calibration image is among those of the gate, ConversionError where int8 alone is wanted
    and there are no ranges.
    """
    if "int8" not in recipe.precisions:
        return None
    if folder is None:
        if subject.plan is None:
            if recipe.precision == "int8":
                raise ConversionError(
                    "int8 needs activation ranges, and this network carries none",
                    hint="give radiographs of its training split with --calibration DIR",
                )
            note("int8 is left out: it needs radiographs of the training split (--calibration DIR)")
            return None
        return Calibrated(subject.plan, Calibration(source=subject.plan_source), {})
    images, hashes = _calibration_images(folder, recipe, subject.exportable.size)
    shared = set(hashes) & {case.raster_sha256 for case in gate.cases}
    if shared:
        raise UsageError(
            f"{folder}: {len(shared)} calibration images are among those that the gate will use",
            hint="calibrate on radiographs of the training split only",
        )
    note(f"calibrating on {len(images)} images of {folder.name}")
    return Calibrated(
        calibrate(float_model, images, track),
        Calibration(source=folder.name, sha256=tuple(sorted(hashes))),
        {"calibration_source": folder.name, "calibration_smoothness": smoothness(images)},
    )


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
