"""Clean exports of small random networks, of which the gate and the diagnosis must not say anything wrong.

Each network has another random architecture and random weights, and is converted, written and run for real. Labels are
drawn from its own probabilities, so that it is calibrated, as a network is that was frozen for release.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edgefrac.contract import Precision
from edgefrac.models.folding import fold, halve
from edgefrac.models.network import FractureNet, normalise
from edgefrac.models.registry import Backbone, backbone
from edgefrac.models.tiny import separable
from edgefrac.targets import tflite
from edgefrac.verification.diagnosis import Diagnosis, FileFacts, smoothness
from edgefrac.verification.verdict import Verdict
from tests.models.networks import info
from tests.verification.zoo.fault import finished, judged
from tests.verification.zoo.films import Film
from tests.verification.zoo.material import make_export

PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")


@dataclass(frozen=True)
class Clean:
    """One export that nothing was done to, and what was said of it."""

    precision: Precision
    verdict: Verdict
    diagnosis: Diagnosis | None


def random_network(seed: int, images: NDArray[np.uint8]) -> FractureNet:
    """Two to four blocks of random widths, batch statistics of ``images``, log-odds spread about the threshold."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    widths = [int(n) for n in rng.integers(8, 33, rng.integers(2, 5))]
    plain = rng.random(len(widths)) < 0.5

    @backbone(f"random-{seed}")
    def build(pretrained: bool) -> Backbone:
        del pretrained
        blocks = [nn.Sequential(nn.Conv2d(1, widths[0], 3, 4, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU6())]
        for before, after, is_plain in zip(widths, widths[1:], plain, strict=False):
            convolved = nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU6())
            blocks.append(convolved if is_plain else separable(before, after, 2))
        stride = 4 * 2 ** (len(widths) - 1)
        return Backbone(nn.Sequential(*blocks), channels=widths[-1], stride=stride, stages=tuple(blocks))

    network = FractureNet(f"random-{seed}").train()
    inputs = normalise(torch.from_numpy(images))[:, None]
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.7, 1.3)
                module.bias.uniform_(-0.3, 0.6)
        for _ in range(10):
            network(inputs)
        network.eval()
        # a random direction would read what all images share; a trained head reads in what they differ
        pooled = network.features(inputs).mean((2, 3))
        direction = torch.linalg.svd(pooled - pooled.mean(0), full_matrices=False).Vh[0]
        network.head.conv.weight.copy_(direction.view(1, -1, 1, 1))
        network.head.conv.weight.mul_(5 / network(inputs)[0].std())
        network.head.bias.copy_(-network(inputs)[0].mean(0))
    return halve(fold(network))


def clean_exports(seed: int, films: Sequence[Film], calibration: NDArray[np.uint8], folder: Path) -> Iterator[Clean]:
    """Export one random network in every precision, and judge each file on ``films``, whatever their labels."""
    header = info(architecture=f"random-{seed}")
    export = make_export(random_network(seed, calibration), header, calibration, films, folder)
    chances = export.reference.answers[0].probability[:, 0]
    drawn = np.random.default_rng(seed).random(len(films)) < chances
    cases = [replace(case, label=int(label)) for case, label in zip(export.reference.cases, drawn, strict=True)]
    export = replace(export, reference=replace(export.reference, cases=cases))
    facts = FileFacts(calibration_source="phantoms", calibration_smoothness=smoothness(calibration))
    facts["calibration_images"] = len(calibration)
    float32_passed = None
    for precision in PRECISIONS:
        known = FileFacts(**facts, float32_passed=bool(float32_passed)) if precision == "int8" else FileFacts()
        contract = export.contract(precision)
        written = tflite.write(export.float_model, contract, export.plan)
        verdict, diagnosis = judged(export, finished(export, written, contract, known))
        float32_passed = verdict.verdict == "passed" if precision == "fp32" else float32_passed
        yield Clean(precision, verdict, diagnosis)
