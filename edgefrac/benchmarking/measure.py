"""Model files on this machine's CPU: everything about each that a row says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.benchmarking.document import Row
from edgefrac.benchmarking.figures import difference, latency
from edgefrac.benchmarking.memory import alone
from edgefrac.benchmarking.stopwatch import Run, Turns, take_turns
from edgefrac.benchmarking.threads import busy_threads
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.digest import file_sha256
from edgefrac.errors import DeviceError, MissingExtraError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.progress import Track
from edgefrac.runtimes.session import model_kind, open_session
from edgefrac.targets.registry import of_kind

_PHANTOM_SEED = 2026
_CHECKPOINT = "torch"


@dataclass(frozen=True)
class ModelFile:
    """A file, and what it is called in tables."""

    path: Path
    shown: str


@dataclass(frozen=True)
class _Subject:
    """A file with a number of threads, and the network input that it runs on, uint8 [S, S]."""

    path: Path
    threads: int
    image: NDArray[np.uint8]

    def open(self) -> Run:
        session = open_session(self.path, self.threads)
        return lambda: session.predict(self.image)


def measure(files: Sequence[ModelFile], threads: Sequence[int], seconds: float, track: Track) -> list[Row]:
    """One row for each file and number of threads; a file whose runtime is not installed gives an unavailable one.

    Raises ``ModelFileError`` or ``CheckpointError`` for a file that cannot be used, before anything is timed.
    """
    rows: list[Row] = []
    subjects: list[tuple[int, _Subject]] = []  # with the number of the row
    for file in track(files, "opening"):
        for count in threads:
            row, subject = _opened(file, count)
            if subject:
                subjects.append((len(rows), subject))
            rows.append(row)
    turns = take_turns([subject.open for _, subject in subjects], seconds, track=track) if subjects else None
    for k, (number, subject) in enumerate(track(subjects, "memory and cold start")):
        assert turns is not None
        rows[number] = rows[number].model_copy(update={**_timed(turns, k), **_by_itself(subject)})
    return rows


def blank(file: ModelFile, device: str, threads: int, reason: str) -> Row:
    """A row without figures, and why; the file is read, not run."""
    target = of_kind(model_kind(file.path).value)
    precision = target.read_contract(file.path).precision if target else "fp32"
    return Row(
        path=file.shown,
        sha256=file_sha256(file.path),
        target=target.name if target else _CHECKPOINT,
        precision=precision,
        device=device,
        threads=threads,
        evidence_level="unavailable",
        reason=reason,
    )


def _opened(file: ModelFile, threads: int) -> tuple[Row, _Subject | None]:
    row = blank(file, "cpu", threads, "")
    try:
        session = open_session(file.path, threads)
    except MissingExtraError as error:
        return row.model_copy(update={"reason": f"{error.message}: {error.hint}"}), None
    subject = _Subject(file.path, threads, phantom(session.contract.input.size))
    session.predict(subject.image)
    seen = busy_threads(lambda: session.predict(subject.image), threads)
    facts = {"evidence_level": "measured", "threads_seen": seen, "placement": _placement(file.path)}
    return row.model_copy(update=facts), subject


@cache
def phantom(size: int) -> NDArray[np.uint8]:
    """The network input that files of this size are timed on, uint8 [size, size]."""
    return preprocess(phantom_dataset(1, _PHANTOM_SEED).samples[0].read().pixels, size)


@cache
def _placement(path: Path) -> str:
    target = of_kind(model_kind(path).value)
    return target.summary(target.placement(path)) if target else "torch, eager"


def _timed(turns: Turns, subject: int) -> dict[str, object]:
    found = latency(turns, subject)
    return {
        "median_ms": found.median.value,
        "median_ci": found.median.interval and tuple(found.median.interval),
        "p90_ms": found.p90,
        "p99_ms": found.p99,
        "cpu_ms": found.cpu,
        "runs": found.runs,
        "load_ms": 1000 * float(np.median(turns.opened[subject])),
        "beside_first": difference(turns, subject, 0) if subject else None,
    }


def _by_itself(subject: _Subject) -> dict[str, object]:
    try:
        found = alone(subject.path, subject.image, subject.threads)
    except DeviceError as error:  # what was timed until here is not to be lost
        return {"reason": f"no memory and no cold start: {error.message}"}
    return {"peak_rss_mb": found.peak_rss_mb, "cold_start_ms": found.cold_start_ms}
