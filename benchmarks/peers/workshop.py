"""Where files of the student are made: its float32 graph in each format, and how long that took."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract, Precision
from edgefrac.pipeline.subject import Subject
from edgefrac.targets.registry import Target

Images = NDArray[np.uint8]


class Workshop:
    """A folder, the subject, its float32 graphs, each converted once, and calibration images uint8 [N, S, S].

    A file's time to export holds the conversion, as if it were the only one made; loading the converters is in it.
    """

    def __init__(self, subject: Subject, calibration: Images, folder: Path) -> None:
        self.subject, self.calibration, self.folder = subject, calibration, folder
        self.graph = cache(self._convert)

    def contract(self, target: Target, precision: Precision) -> Contract:
        """What a file of the subject gives, in the order of the target."""
        return target.promise(self.subject.exportable.contract(precision, self.subject.identity))

    def _convert(self, target: Target) -> tuple[Any, float]:
        """``graph``: the float32 graph and the seconds of its conversion; raises ConversionError."""
        started = time.perf_counter()
        graph = target.convert(self.subject.exportable)
        return graph, time.perf_counter() - started


def size_of(target: Target, path: Path) -> int:
    """Bytes of a file and its companions."""
    return sum(file.stat().st_size for file in (path, *target.companions(path)))
