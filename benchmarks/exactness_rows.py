"""One runtime on one device against the integer network."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.exactness_subjects import Subject
from edgefrac.runtimes.bare import Answers, BarePython


@dataclass(frozen=True)
class Row:
    """How far one runtime on one device is from the integers, over all ``codes`` of the evidence maps.

    ``largest`` is in LSB, ``probability`` the largest distance of a probability.
    """

    network: str
    runtime: str
    device: str
    evidence_level: str
    images: int
    codes: int
    identical: float
    largest: int
    probability: float


@dataclass(frozen=True)
class Said:
    """What ``runtime`` said without a process of its own: ``probability`` [N, K], ``evidence`` [N, h, w, K]."""

    probability: NDArray[np.float32]
    evidence: NDArray[np.float32]
    runtime: str


def compare(subject: Subject, answers: Answers | Said, device: str, level: str, kernels: str = "") -> Row:
    """The row of one file's answers."""
    distance = np.abs(answers.evidence / subject.scale - subject.expected)
    return Row(
        subject.name,
        answers.runtime + (f", {kernels}" if kernels else ""),
        device,
        level,
        len(subject.images),
        int(distance.size),
        float((distance == 0).mean()),
        int(np.ceil(distance.max())),
        float(np.abs(answers.probability - subject.probability).max()),
    )


def here() -> BarePython:
    """This Python on this machine."""
    return BarePython((sys.executable,), os.environ)
