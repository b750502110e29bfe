"""Model files on their backends: everything about each that a row says, but what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.benchmarking.document import Row
from edgefrac.benchmarking.energy import millijoules
from edgefrac.benchmarking.figures import difference, latency
from edgefrac.benchmarking.memory import alone
from edgefrac.benchmarking.stopwatch import Run, Turns, take_turns
from edgefrac.benchmarking.threads import busy_threads
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.digest import file_sha256
from edgefrac.errors import DeviceError, EdgeFracError, MissingExtraError
from edgefrac.imaging.preprocess import preprocess
from edgefrac.progress import Track
from edgefrac.runtimes.backend import Backend, Placed
from edgefrac.runtimes.session import Session, model_kind, open_session
from edgefrac.targets.registry import of_kind

_PHANTOM_SEED = 2026
_CHECKPOINT = "torch"
_PERCENTILES = tuple(range(0, 101, 5))


@dataclass(frozen=True)
class ModelFile:
    """A file, and what it is called in tables."""

    path: Path
    shown: str


@dataclass(frozen=True)
class Candidate:
    """A file in one runtime on one device with a number of threads."""

    file: ModelFile
    backend: Backend
    threads: int

    def open(self) -> Run:
        """The run that is timed: on a phantom of the file's input size."""
        session = self.backend.open(self.file.path, self.threads)
        image = phantom(session.contract.input.size)
        return lambda: session.predict(image)


def check(files: Sequence[ModelFile], track: Track) -> None:
    """Open each file in its own runtime, where that is installed; raises ModelFileError or CheckpointError."""
    for _ in opened(track(files, "opening")):
        pass


def opened(files: Iterable[ModelFile]) -> Iterator[tuple[ModelFile, Session]]:
    """Those whose own runtime is installed, each in it on this machine's CPU."""
    for file in files:
        try:
            yield file, open_session(file.path)
        except MissingExtraError:
            continue


def measure(candidates: Sequence[Candidate], seconds: float, track: Track) -> list[Row]:
    """One row for each candidate; one that does not work here gives an unavailable row with the reason."""
    rows: list[Row] = []
    subjects: list[tuple[int, Candidate]] = []  # with the number of the row
    for candidate in track(candidates, "opening"):
        row = _placed(candidate) if candidate.backend.timed else _untimed(candidate)
        if candidate.backend.timed and row.evidence_level != "unavailable":
            subjects.append((len(rows), candidate))
        rows.append(row)
    turns = take_turns([subject.open for _, subject in subjects], seconds, track=track) if subjects else None
    for k, (number, subject) in enumerate(track(subjects, "memory, cold start, energy")):
        assert turns is not None
        rows[number] = rows[number].model_copy(update={**_timed(turns, k), **_by_itself(subject)})
    return rows


def blank(file: ModelFile, device: str, threads: int, reason: str, runtime: str = "") -> Row:
    """A row without figures, and why; the file is read, not run."""
    target = of_kind(model_kind(file.path).value)
    precision = target.read_contract(file.path).precision if target else "fp32"
    parts = [file.path, *(target.companions(file.path) if target else ())]
    return Row(
        path=file.shown,
        sha256=file_sha256(file.path),
        target=target.name if target else _CHECKPOINT,
        precision=precision,
        bytes=sum(part.stat().st_size for part in parts),
        device=device,
        runtime=runtime,
        threads=threads,
        evidence_level="unavailable",
        reason=reason,
    )


def reason_of(error: EdgeFracError) -> str:
    """An error in one line, with the next step."""
    return ": ".join(filter(None, (error.message, error.hint)))


def _placed(candidate: Candidate) -> Row:
    """A row that is about to be timed: it ran, its threads were counted, its operators found."""
    file, backend, threads = candidate.file, candidate.backend, candidate.threads
    row = blank(file, backend.device, threads, "", backend.title)
    try:
        run = candidate.open()
        run()
        seen = busy_threads(run, threads) if backend.device == "cpu" else None
        placed = backend.placement(file.path)
    except EdgeFracError as error:
        return row.model_copy(update={"reason": reason_of(error)})
    facts = {"evidence_level": backend.evidence_level, "threads_seen": seen}
    return row.model_copy(update={**facts, **_where(placed)})


def _untimed(candidate: Candidate) -> Row:
    """A row whose speed this machine cannot tell, but perhaps the device or its compiler."""
    file, backend = candidate.file, candidate.backend
    row = blank(file, backend.device, candidate.threads, "", backend.title)
    try:
        placed, reported = backend.placement(file.path), backend.reported(file.path, candidate.threads)
        level = reported.evidence_level if reported else backend.evidence_level
    except EdgeFracError as error:
        return row.model_copy(update={"reason": reason_of(error)})
    speed: dict[str, object] = {"reason": f"no speed: its numbers are {level}"}
    if reported:
        named = ("median_ms", "p90_ms", "p99_ms", "runs", "cycles", "sram_kb")
        speed = {name: getattr(reported, name) for name in named}
    return row.model_copy(update={"evidence_level": level, **_where(placed), **speed})


def _where(placed: Placed | None) -> dict[str, object]:
    if placed is None:
        return {}
    return {
        "placement": placed.summary,
        "operators": dict(placed.on_device),
        "elsewhere": dict(placed.elsewhere),
    }


@cache
def phantom(size: int) -> NDArray[np.uint8]:
    """The network input that files of this size are timed on, uint8 [size, size]."""
    return preprocess(phantom_dataset(1, _PHANTOM_SEED).samples[0].read().pixels, size)


def _timed(turns: Turns, subject: int) -> dict[str, object]:
    found = latency(turns, subject)
    percentiles = np.percentile(1000 * turns.taken[subject], _PERCENTILES)
    return {
        "median_ms": found.median.value,
        "median_ci": found.median.interval and tuple(found.median.interval),
        "p90_ms": found.p90,
        "p99_ms": found.p99,
        "percentiles_ms": tuple(float(f"{value:.4g}") for value in percentiles),
        "cpu_ms": found.cpu,
        "runs": found.runs,
        "load_ms": 1000 * float(np.median(turns.opened[subject])),
        "beside_first": difference(turns, subject, 0) if subject else None,
    }


def _by_itself(subject: Candidate) -> dict[str, object]:
    """Memory and cold start in a process of its own, for what is started as users start it; energy for all."""
    found: dict[str, object] = {"energy_mj": millijoules(subject.open())}
    if not subject.backend.bare:
        return found
    size = subject.backend.open(subject.file.path).contract.input.size
    try:
        by_itself = alone(subject.file.path, phantom(size), subject.threads)
    except DeviceError as error:  # what was timed until here is not to be lost
        return {**found, "reason": f"no memory and no cold start: {error.message}"}
    return {**found, "peak_rss_mb": by_itself.peak_rss_mb, "cold_start_ms": by_itself.cold_start_ms}
