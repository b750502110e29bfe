"""A file in a process of its own: its peak memory, and how long from nothing to the first answer."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import DeviceError
from edgefrac.runtimes.bare import BarePython
from edgefrac.runtimes.session import ModelKind, model_kind
from edgefrac.targets.registry import of_name

RUNS = 5


@dataclass(frozen=True)
class Alone:
    """What one file takes by itself.

    ``peak_rss_mb`` (10^6 bytes): the most that was ever resident of a Python with NumPy, the file's runtime, the file,
    and five runs; nothing is subtracted. ``cold_start_ms``: from the start of that process to its first answer, the
    file being in the system's cache. A checkpoint brings torch and EdgeFrac, too.
    """

    peak_rss_mb: float | None
    cold_start_ms: float


def alone(path: Path, network_input: NDArray[np.uint8], threads: int, processes: int = 3) -> Alone:
    """Run ``path`` on one network input, uint8 [S, S], in new processes one after the other.

    The median start and the largest peak of them. Raises ``DeviceError`` where it does not run, and for a file whose
    name does not end as its format's do, which the bare process goes by.
    """
    if of_name(path) is None and model_kind(path) is not ModelKind.CHECKPOINT:
        raise DeviceError(f"{path}: its name does not end as its format's do")
    python = BarePython((sys.executable,), _environment())
    images = np.repeat(network_input[None], RUNS, axis=0)
    starts, peaks = [], []
    for _ in range(processes):
        started = time.monotonic()  # one clock for all processes of a machine
        (answers,) = python.run([path], images, threads)
        starts.append(answers.first_answer - started)
        peaks.append(answers.peak_rss)
    known = [peak for peak in peaks if peak is not None]
    return Alone(round(max(known) / 1e6, 1) if known else None, round(1000 * median(starts), 1))


def _environment() -> dict[str, str]:
    """As here; a checkpoint's process also finds this very EdgeFrac."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
