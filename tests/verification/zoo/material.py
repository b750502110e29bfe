"""What every fault is planted in: network, converted graph, films and the reference's answers, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.contract import Contract, Precision
from edgefrac.datasets.phantom import phantom_image
from edgefrac.evaluation import Answers, Case, Collection
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.models.exportable import Exportable, from_checkpoint, identify
from edgefrac.progress import silent
from edgefrac.quantization.plan import Plan
from edgefrac.runtimes.session import Prediction, Session, open_session
from edgefrac.runtimes.torch import ExportableSession
from edgefrac.targets import tflite
from edgefrac.targets.tflite_quantize import calibrate
from tests.models.networks import SIZE
from tests.verification.zoo.films import Film, store
from tests.verification.zoo.network import INFO, Trained, answers, train

IDENTITY = identify(INFO, "0" * 64)
_SIDE = 112  # pixels of a phantom's longer side: no multiple of SIZE, so that every filter gives other pixels
_TRAINING, _CALIBRATION, _GATE = 576, 48, 280


@dataclass(frozen=True, eq=False)
class Material:
    """``float_model`` is the converted graph of ``exportable``; ``plan`` quantizes it as it should be."""

    trained: Trained
    exportable: Exportable
    float_model: bytes
    calibration: NDArray[np.uint8]
    plan: Plan
    films: tuple[Film, ...]
    folder: Path
    reference: Collection

    def contract(self, precision: Precision) -> Contract:
        """As an export would write it into a file."""
        return self.exportable.contract(precision, IDENTITY, "phantoms" if precision == "int8" else "")

    def session(self, name: str, data: bytes) -> Session:
        """The bytes as a file, in its real runtime."""
        path = self.folder / f"{name}.tflite"
        path.write_bytes(data)
        return open_session(path)


def make(folder: Path) -> Material:
    """Draw, train, convert and calibrate; some 20 seconds."""
    torch.set_num_threads(1)
    drawn = [_phantom(5, number) for number in range(_TRAINING)]
    images = np.stack([preprocess(pixels, SIZE) for pixels, _ in drawn])
    trained = train(images, np.array([labels for _, labels in drawn], np.float32))
    exportable = from_checkpoint(trained.network, INFO)
    float_model = tflite.convert_float(exportable)
    calibration = images[:_CALIBRATION]
    plan = calibrate(float_model, calibration, silent)
    films = tuple(store(*_phantom(6, number), number=number) for number in range(_GATE))
    reference = collection(films)
    session = ExportableSession(exportable, exportable.contract("fp32", IDENTITY), folder)
    reference.answers = [answered([session.predict(right(film)) for film in films])]
    return Material(trained, exportable, float_model, calibration, plan, films, folder, reference)


def right(film: Film) -> NDArray[np.uint8]:
    """The right network input of a film."""
    return preprocess(film.radiograph.pixels, SIZE)


def _phantom(seed: int, number: int) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    pixels, _, facets = phantom_image(seed, number, longer_side=_SIDE)
    return pixels, answers(facets["part"], facets["view"])


def collection(films: Sequence[Film]) -> Collection:
    """The cases of the gate, without answers."""
    cases = [
        Case(
            id=film.group,
            label=film.labels[0],
            group=film.group,
            boxes=(),
            facets={},
            raster_sha256=film.radiograph.sha256,
            placement=Placement(film.radiograph.height, film.radiograph.width, SIZE),
        )
        for film in films
    ]
    return Collection(cases)


def answered(predictions: Sequence[Prediction]) -> Answers:
    """Stacked, as the gate collects them."""
    maps = [p.evidence for p in predictions if p.evidence is not None]
    return Answers(np.stack([p.probability for p in predictions]), np.stack(maps) if maps else None)
