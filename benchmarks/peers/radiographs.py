"""Radiographs to judge on, which the checkpoint has not seen, and to calibrate on, of its training split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import remembered
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.datasets.sample import Sample
from edgefrac.errors import DatasetError, ImageError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.progress import Track

_SEED = 20250131
_PHANTOMS, _OTHER_PHANTOMS = 0, 1  # seeds


@dataclass(frozen=True)
class Radiographs:
    """``judged`` samples, and ``calibration`` uint8 [N, S, S], with what they are in words."""

    judged: tuple[Sample, ...]
    calibration: NDArray[np.uint8]
    judged_on: str
    calibrated_on: str


def choose(
    data: str | None, seen: frozenset[str], size: int, images: int, calibration: int, track: Track
) -> Radiographs:
    """Draw from ``data`` at random; without it, from phantoms of two seeds.

    ``seen`` holds the prefixes of raster hashes that the checkpoint remembers of its training split. Raises
    DatasetError where one of the two kinds is not there.
    """
    if data is None:
        others = [preprocess(s.read().pixels, size) for s in phantom_dataset(calibration, _OTHER_PHANTOMS).samples]
        samples = phantom_dataset(images, _PHANTOMS).samples
        return Radiographs(samples, np.stack(others), "phantoms", f"{len(others)} phantoms of another seed")
    dataset = fracture_task(open_dataset(data))
    judged, trained = _drawn(dataset.samples, seen, size, images, calibration, track)
    for found, what in ((judged, "that the checkpoint has not seen"), (trained, "of the checkpoint's training split")):
        if not found:
            raise DatasetError(f"{dataset.name}: no radiograph {what}")
    words = f"{len(trained)} radiographs of the training split"
    return Radiographs(tuple(judged), np.stack(trained), f"{dataset.name}, not seen in training", words)


def _drawn(
    samples: tuple[Sample, ...], seen: frozenset[str], size: int, images: int, calibration: int, track: Track
) -> tuple[list[Sample], list[NDArray[np.uint8]]]:
    judged: list[Sample] = []
    trained: list[NDArray[np.uint8]] = []
    order = np.random.default_rng(_SEED).permutation(len(samples))
    for sample in track([samples[number] for number in order], "choosing radiographs"):
        if len(judged) == images and len(trained) == calibration:
            break
        try:
            radiograph = sample.read()
        except ImageError:
            continue
        if remembered(radiograph.sha256) not in seen:
            judged += [sample][: images - len(judged)]
        elif len(trained) < calibration:
            trained.append(preprocess(radiograph.pixels, size))
    return judged, trained
