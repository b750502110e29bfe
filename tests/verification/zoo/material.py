"""What every fault is planted in: a network, its converted graph, films and the reference's answers, made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edgefrac.contract import Contract, Precision
from edgefrac.datasets.phantom import phantom_image
from edgefrac.evaluation import Answers, Case, Collection
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.models.checkpoint import CheckpointInfo
from edgefrac.models.exportable import Exportable, from_checkpoint, identify
from edgefrac.models.network import FractureNet
from edgefrac.progress import silent
from edgefrac.quantization.plan import Plan
from edgefrac.runtimes.session import Prediction, Session, open_session
from edgefrac.runtimes.torch import ExportableSession
from edgefrac.targets import tflite
from edgefrac.targets.tflite_quantize import calibrate
from tests.models.networks import SIZE
from tests.verification.zoo.films import Film, store
from tests.verification.zoo.network import INFO, Trained, answers, train

_SIDE = 112  # pixels of a phantom's longer side: no multiple of SIZE, so that every filter gives other pixels
_TRAINING, _CALIBRATION, _GATE = 576, 48, 280


@dataclass(frozen=True, eq=False)
class Export:
    """A network on its way out: ``float_model`` is its converted graph, ``plan`` quantizes that as it should be.

    ``reference`` is what the network in torch says of ``films``; files go to ``folder``.
    """

    exportable: Exportable
    header: CheckpointInfo
    float_model: bytes
    plan: Plan
    films: Sequence[Film]
    reference: Collection
    folder: Path

    def contract(self, precision: Precision) -> Contract:
        """As an export would write it into a file."""
        return _contract(self.exportable, self.header, precision)

    def session(self, name: str, data: bytes) -> Session:
        """The bytes as a file, in its real runtime."""
        path = self.folder / f"{name}.tflite"
        path.write_bytes(data)
        return open_session(path)


@dataclass(frozen=True, eq=False)
class Material:
    """The zoo's export, the states of its network, and the images that its plan was made from."""

    export: Export
    trained: Trained
    calibration: NDArray[np.uint8]


def make(folder: Path) -> Material:
    """Draw, train, convert and calibrate; some 20 seconds."""
    torch.set_num_threads(1)
    drawn = [_phantom(5, number) for number in range(_TRAINING)]
    images = np.stack([preprocess(pixels, SIZE) for pixels, _ in drawn])
    trained = train(images, np.array([labels for _, labels in drawn], np.float32))
    films = gate_films(_GATE)
    calibration = images[:_CALIBRATION]
    export = make_export(trained.network, INFO, calibration, films, folder)
    return Material(export, trained, calibration)


def gate_films(count: int) -> tuple[Film, ...]:
    """Phantoms that no network here was trained or calibrated on."""
    return tuple(store(*_phantom(6, number), number=number) for number in range(count))


def make_export(
    network: FractureNet, header: CheckpointInfo, calibration: NDArray[np.uint8], films: Sequence[Film], folder: Path
) -> Export:
    """Convert, calibrate on network inputs uint8 [N, S, S], and ask the network in torch."""
    exportable = from_checkpoint(network, header)
    float_model = tflite.convert_float(exportable)
    plan = calibrate(float_model, calibration, silent)
    reference = _cases(films)
    session = ExportableSession(exportable, _contract(exportable, header, "fp32"), folder)
    reference.answers = [answered([session.predict(right(film)) for film in films])]
    return Export(exportable, header, float_model, plan, films, reference, folder)


@cache
def right(film: Film) -> NDArray[np.uint8]:
    """The right network input of a film."""
    return preprocess(film.radiograph.pixels, SIZE)


def answered(predictions: Sequence[Prediction]) -> Answers:
    """Stacked, as the gate collects them."""
    maps = [p.evidence for p in predictions if p.evidence is not None]
    return Answers(np.stack([p.probability for p in predictions]), np.stack(maps) if maps else None)


def _contract(exportable: Exportable, header: CheckpointInfo, precision: Precision) -> Contract:
    return exportable.contract(precision, identify(header, "0" * 64), "phantoms" if precision == "int8" else "")


def _phantom(seed: int, number: int) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    pixels, _, facets = phantom_image(seed, number, longer_side=_SIDE)
    return pixels, answers(facets["part"], facets["view"])


def _cases(films: Sequence[Film]) -> Collection:
    cases = []
    for film in films:
        placement = Placement(film.radiograph.height, film.radiograph.width, SIZE)
        digest = film.radiograph.sha256
        cases.append(Case(film.group, film.labels[0], film.group, (), {}, digest, placement))
    return Collection(cases)
