"""Small int8 students, each as an ordinary TFLite file and as one for Ethos-U of the same integers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.models.folding import fold
from edgefrac.models.layers import layers_of
from edgefrac.models.network import FRACTURE, FractureNet, TaskSpec, refined, with_scales
from edgefrac.progress import silent
from edgefrac.quantization.calibration import observed_ranges
from edgefrac.quantization.grids import make_plan
from edgefrac.quantization.integers import IntegerNetwork, to_integers
from edgefrac.targets.registry import find
from tests.models.networks import REGION, SIZE, info, lively, phantoms, talkative


@dataclass(frozen=True)
class Student:
    """``network`` is what both files compute; ``size`` pixels a side."""

    network: IntegerNetwork
    size: int
    tflite: Path
    ethos_u: Path


def plain(folder: Path) -> Student:
    """A map of one scale, one question, 96 px."""
    return _written(lively("micro", phantoms(4, size=96)), (FRACTURE,), 96, folder)


def of_two_scales(folder: Path) -> Student:
    """Two questions, four channels, and maps that differ within each cell of the features, 64 px."""
    tasks = (FRACTURE, REGION)
    network = with_scales(refined(talkative(tasks), 2), 2)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        network.head.conv.weight.add_(torch.randn(network.head.conv.weight.shape, generator=generator), alpha=0.1)
        assert network.head.earlier is not None
        network.head.earlier.weight.normal_(std=0.02, generator=generator)
    return _written(network, tasks, SIZE, folder)


def _written(network: FractureNet, tasks: tuple[TaskSpec, ...], size: int, folder: Path) -> Student:
    header = info(tasks, architecture=network.architecture, input_size=size)
    exportable = from_checkpoint(fold(network), header)
    module = exportable.module
    graph = layers_of(module.evidence)
    plan = make_plan(graph, observed_ranges(graph, phantoms(8, seed=3, size=size), silent), "student", "phantoms")
    integers = to_integers(graph, plan, module.inverse_temperature.numpy(), module.offset.numpy())
    contract = exportable.contract("int8", identify(header, "0" * 64), "phantoms")
    files = []
    for target in (find("tflite"), find("ethos-u")):
        files.append(folder / f"student-int8{target.suffix}")
        target.write_integers(integers, target.promise(contract, integers), files[-1])
    return Student(integers, size, *files)
