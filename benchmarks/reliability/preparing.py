"""The toy made ready: its recipes, an image, a trained checkpoint and a bundle of TFLite files."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.reliability.killing import run
from benchmarks.reliability.toy import BUNDLE, GATED, IMAGE, RELEASE, edgefrac, write_recipes


def prepare(work: Path, epochs: int = 6, trials: int = 2) -> None:
    """Fill the new folder ``work``; takes as long as one training and one export. Raises ``FailedError``."""
    work.mkdir(parents=True, exist_ok=True)
    write_recipes(work, epochs, trials)
    run(edgefrac("data", "phantom", "phantoms", "-n", "2"), work)
    next((work / "phantoms").rglob("*.png")).rename(work / IMAGE)
    shutil.rmtree(work / "phantoms")
    run(edgefrac("train", "train.yaml", "--out", "."), work)
    run(edgefrac("export", RELEASE, "--recipe", "export.yaml", "--data", GATED, "--out", BUNDLE), work)
