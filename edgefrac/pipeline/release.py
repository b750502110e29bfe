"""Make a trained checkpoint ready to ship: measured, small, and with the activation ranges an export needs.

The radiographs stay where they are; what travels is one range per tensor, taken from training radiographs, so that
whoever has the checkpoint exports a well-quantized file with no data at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.evaluation import evaluate
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from edgefrac.models.exportable import from_checkpoint
from edgefrac.models.folding import fold_and_halve
from edgefrac.progress import Note, Track
from edgefrac.runtimes.session import open_session
from edgefrac.targets import tflite
from edgefrac.targets.tflite_quantize import calibrate

CALIBRATION_IMAGES = 256


def release(
    checkpoint: Path, training: Sequence[Sample], held_out: Dataset, out: Path, *, note: Note, track: Track
) -> CheckpointInfo:
    """Fold, round to float16, take ranges from ``training``, measure on ``held_out``, write to ``out``.

    Raises CheckpointError, ConversionError, ImageError, OutputError.
    """
    network, info = load_checkpoint(checkpoint)
    fold_and_halve(network)
    exportable = from_checkpoint(network, info)
    chosen = training[:: max(1, len(training) // CALIBRATION_IMAGES)][:CALIBRATION_IMAGES]
    note(f"activation ranges from {len(chosen)} training radiographs")
    images = np.stack([preprocess(sample.read().pixels, info.input_size) for sample in chosen])
    plan = calibrate(tflite.convert_float(exportable), images, track)
    source = f"{len(chosen)} training radiographs of {', '.join(info.training_data.names)}"
    info = info.model_copy(
        update={"ranges": plan.ranges, "evidence_shift": plan.evidence_shift, "ranges_source": source, "metrics": {}}
    )
    save_checkpoint(out, network, info, half=True)
    note(f"measuring on {len(held_out)} held-out radiographs")
    metrics = evaluate(open_session(out, threads=2), held_out, track=track)
    metrics.pop("model_sha256")  # of a file that does not hold its own figures yet
    info = info.model_copy(update={"metrics": metrics})
    save_checkpoint(out, network, info, half=True)
    return info
