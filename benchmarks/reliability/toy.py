"""A toy that goes through everything in seconds: recipes for training, export and a sweep, on phantoms alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
RELEASE = "endure/fold0/release.safetensors"
GATED = "phantom:n=24,seed=0"
IMAGE, BUNDLE = "phantom.png", "bundle"
_TRAIN = """
name: endure
architecture: tiny
pretrained: false
stages: [{{epochs: {epochs}, size: 64}}]
sampling: {{phantom_share: 0}}
optimiser: {{batch_size: 8, average_decay: 0.8}}
int8: {{epochs: 1}}
data: {{path: "phantom:n=48,seed=5", folds: 3}}
"""
# limits under which any file passes: here it matters that there are files, not how good they are
_EXPORT = """
precision: all
phantoms: 24
golden_vectors: {goldens}
limits: {{fp32_probability: 1, fp32_evidence: 100, fp16_probability: 1, fp16_evidence: 100, auroc_loss: 1,
  sensitivity_loss: 1, specificity_loss: 1, flips: 1, ece_rise: 1, evidence_correlation: -1,
  min_positives: 2, min_negatives: 2, min_groups: 2}}
"""
_SWEEP = """
name: endure-sweep
base: train.yaml
search:
  optimiser.learning_rate: {{low: 1.0e-3, high: 1.0e-2, log: true}}
trials: {trials}
"""


def write_recipes(folder: Path, epochs: int = 6, trials: int = 3) -> None:
    """``train.yaml``, ``export.yaml``, ``sweep.yaml`` and ``other-export.yaml``, whose bundle has one golden more."""
    texts = {
        "train": _TRAIN.format(epochs=epochs),
        "export": _EXPORT.format(goldens=1),
        "other-export": _EXPORT.format(goldens=2),
        "sweep": _SWEEP.format(trials=trials),
    }
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def edgefrac(*arguments: object) -> list[str]:
    """The command line ``edgefrac ARGUMENTS`` of this interpreter."""
    return [sys.executable, "-m", "edgefrac", *map(str, arguments)]


def environment(threads: int = 1, **more: str) -> Mapping[str, str]:
    """This process's, with this tree of EdgeFrac found from any folder, and ``threads`` for arithmetic."""
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "OMP_NUM_THREADS": str(threads),
        "SOURCE_DATE_EPOCH": "1700000000",
        **more,
    }
