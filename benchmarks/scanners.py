"""Does a model hold on other scanners? AUROC on radiographs it never saw, as they are and as other machines show them.

    python benchmarks/scanners.py MODEL DATA

Each look is a fixed change of the whole raster before preprocessing, none of which training draws in this form. Losses
are paired with the radiographs as they are; intervals resample id blocks or patients. Decisions are at the frozen
threshold.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from edgefrac.contract import remembered
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.errors import ImageError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.runtimes.session import open_session
from edgefrac.verification.figures import figures
from edgefrac.verification.statistics import ClusterBootstrap

Raster = NDArray[np.uint8]


def _grey(values: NDArray[np.floating]) -> Raster:
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _curve(function: Callable[[NDArray[np.floating]], NDArray[np.floating]]) -> Callable[[Raster], Raster]:
    return lambda pixels: _grey(function(pixels / 255))


def _large(pixels: Raster) -> Raster:
    """Four times the pixels a side, with the grain and the edge enhancement of a large detector."""
    size = pixels.shape[1] * 4, pixels.shape[0] * 4
    fine = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)) / 255
    fine = fine + 0.8 * (fine - gaussian_filter(fine, 6))
    return _grey(fine + np.random.default_rng(0).normal(0, 0.03, fine.shape))


def _equalized(pixels: Raster) -> Raster:
    """Local contrast evened out, as multi-frequency processing does."""
    grey = pixels / 255
    side = max(pixels.shape) / 12
    mean = gaussian_filter(grey, side)
    spread = np.sqrt(gaussian_filter((grey - mean) ** 2, side))
    return _grey(0.35 + 0.25 * mean + 0.16 * (grey - mean) / (spread + 0.04))


def _soft(pixels: Raster) -> Raster:
    """Half the resolution, as an old phosphor plate."""
    half = Image.fromarray(pixels).resize((pixels.shape[1] // 2, pixels.shape[0] // 2), Image.Resampling.BOX)
    return np.asarray(half)


def _collimated(pixels: Raster) -> Raster:
    """An eighth of each side under the collimator."""
    framed = np.zeros_like(pixels)
    rows, columns = pixels.shape[0] // 8, pixels.shape[1] // 8
    framed[rows:-rows, columns:-columns] = pixels[rows:-rows, columns:-columns]
    return framed


LOOKS: dict[str, Callable[[Raster], Raster]] = {
    "as it is": lambda pixels: pixels,
    "large and sharp": _large,
    "darker (gamma 1.7)": _curve(lambda x: x**1.7),
    "brighter (gamma 0.6)": _curve(lambda x: x**0.6),
    "hard film (S curve)": _curve(lambda x: 1 / (1 + np.exp(-9 * (x - 0.45)))),
    "flat (a third of the contrast)": _curve(lambda x: 0.3 + x / 3),
    "equalized": _equalized,
    "half the resolution": _soft,
    "collimated": _collimated,
}


def main(model: Path, data: str) -> None:
    """Print one row a look."""
    session = open_session(model, threads=2)
    task, size = session.contract.task(), session.contract.input.size
    seen = session.contract.training_data.seen_hashes()
    labels, groups = [], []
    said: dict[str, list[float]] = {look: [] for look in LOOKS}
    for sample in fracture_task(open_dataset(data)).samples:
        try:
            radiograph = sample.read()
        except ImageError:
            continue
        if remembered(radiograph.sha256) in seen:
            continue
        labels.append(sample.label)
        groups.append(sample.group)
        for look, change in LOOKS.items():
            answer = session.predict(preprocess(change(radiograph.pixels), size))
            said[look].append(float(answer.probability[task.first_channel]))
    bootstrap, positive = ClusterBootstrap(groups), np.array(labels) == 1
    before = bootstrap.auroc(labels, said["as it is"])
    for look, probability in said.items():
        found = figures(labels, probability, groups, task.threshold)
        loss = bootstrap.estimate(0.0, before - bootstrap.auroc(labels, probability), positive)
        row = {"look": look, "auroc": found.auroc.value, "auroc_ci": found.auroc.interval, "loss_ci": loss.interval}
        shares = {"sensitivity": found.sensitivity.value, "specificity": found.specificity.value}
        print(json.dumps({**row, **shares}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
