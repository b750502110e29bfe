"""Networks of the exact plan for ``benchmarks.exactness``: each with its files, images, and what the integers say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.digest import file_sha256
from edgefrac.errors import ImageError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import Exportable, from_checkpoint, identify
from edgefrac.models.folding import fold
from edgefrac.models.layers import LayerGraph, layers_of
from edgefrac.prediction import REFERENCE_CHECKPOINT
from edgefrac.progress import silent
from edgefrac.quantization.calibration import carried_ranges, observed_ranges
from edgefrac.quantization.grids import make_plan
from edgefrac.quantization.integers import IntegerNetwork, to_integers
from edgefrac.quantization.ranges import Range
from edgefrac.targets import onnx_graph, onnx_integers, openvino_integers
from edgefrac.targets.tflite_graph import finish
from edgefrac.targets.tflite_integers import integer_graph
from tests.models.networks import info, lively, phantoms

RANDOM_SIZES = {"mobilenetv2": 224, "resnet18": 160}  # pixels a side
SUBJECTS = ("reference", *RANDOM_SIZES)


@dataclass(frozen=True)
class Subject:
    """What the integers say of ``images`` uint8 [N, S, S].

    ``expected`` int64 [N, h, w, K] are the codes of the evidence map, ``probability`` float64 [N, K] is what follows
    from their mean.
    """

    name: str
    network: IntegerNetwork
    files: dict[str, Path]
    images: NDArray[np.uint8]
    expected: NDArray[np.int64]
    probability: NDArray[np.float64]

    @property
    def scale(self) -> float:
        """Log-odds of one code."""
        return self.network.grids[self.network.output].scale


def make_subject(name: str, data: str, count: int, folder: Path) -> Subject:
    """Write the files of ``name`` into ``folder`` and ask the integer network about ``count`` images of ``data``."""
    network, contract = bundled_reference() if name == "reference" else random_network(name, RANDOM_SIZES[name])
    size = contract.input.size
    images = radiographs(data, count, size)
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    files = {kind: folder / f"{name}.{kind}" for kind in ("tflite", "onnx", "xml")}
    files["tflite"].write_bytes(finish(integer_graph(network, size), contract))
    files["onnx"].write_bytes(onnx_graph.finish(onnx_integers.integer_model(network, size), contract))
    openvino.save_model(openvino_integers.integer_model(network, size), files["xml"], compress_to_fp16=False)
    key = f"{file_sha256(files['tflite'])} {hashlib.sha256(images.tobytes()).hexdigest()}"
    expected = _remembered(folder / "expected.npz", key, images, lambda image: network.run(image)[network.output])
    return Subject(name, network, files, images, expected, probabilities(network, expected))


def probabilities(network: IntegerNetwork, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """[N, K] of evidence codes [N, h, w, K]."""
    logit = codes.mean((1, 2)) * network.grids[network.output].scale * network.gain + network.offset
    return 1 / (1 + np.exp(-logit))


def radiographs(data: str, count: int, size: int) -> NDArray[np.uint8]:
    """Network inputs [N, S, S] of ``count`` readable radiographs, spread evenly over the data set."""
    samples = fracture_task(open_dataset(data)).samples
    images: list[NDArray[np.uint8]] = []
    for number in np.linspace(0, len(samples) - 1, min(count, len(samples))).astype(int):
        try:
            images.append(preprocess(samples[number].read().pixels, size))
        except ImageError:
            continue
    return np.stack(images)


def bundled_reference() -> tuple[IntegerNetwork, Contract]:
    """The bundled checkpoint, with the activation ranges it carries."""
    path = REFERENCE_CHECKPOINT
    network, header = load_checkpoint(path)
    exportable = from_checkpoint(fold(network), header)
    contract = exportable.contract("int8", identify(header, file_sha256(path)), header.ranges_source)
    return _integers(exportable, lambda graph: carried_ranges(graph, header.ranges)), contract


def random_network(architecture: str, size: int) -> tuple[IntegerNetwork, Contract]:
    """An architecture with random weights, the ranges of phantoms."""
    images = phantoms(8, seed=3, size=size)
    network = fold(lively(architecture, images))
    header = info(architecture=network.architecture, input_size=size, name=architecture)
    exportable = from_checkpoint(network, header)
    contract = exportable.contract("int8", identify(header, "0" * 64), "phantoms")
    return _integers(exportable, lambda graph: observed_ranges(graph, images, silent)), contract


def _integers(exportable: Exportable, ranges: Callable[[LayerGraph], dict[str, Range]]) -> IntegerNetwork:
    module = exportable.module
    graph = layers_of(module.evidence)
    plan = make_plan(graph, ranges(graph), "benchmark", "benchmark")
    gain, offset = (value.detach().numpy().reshape(-1) for value in (module.inverse_temperature, module.offset))
    return to_integers(graph, plan, gain, offset)


def _remembered(
    path: Path, key: str, images: NDArray[np.uint8], codes: Callable[[NDArray[np.uint8]], NDArray[np.int64]]
) -> NDArray[np.int64]:
    """[N, h, w, K], computed once for the same network and images."""
    if path.is_file():
        with np.load(path) as kept:
            if kept["key"] == key:
                return np.asarray(kept["expected"])
    expected = np.stack([np.moveaxis(codes(image), 0, -1) for image in images])
    np.savez_compressed(path, key=np.array(key), expected=expected)
    return expected
