"""EdgeFrac's files of the student: made as ``edgefrac export`` makes them, or those of a finished bundle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.peers.entrants import THREADS, Entrant, Ours
from benchmarks.peers.workshop import Workshop, size_of
from edgefrac.bundle import check, open_bundle
from edgefrac.contract import Contract, Precision
from edgefrac.errors import BundleError, ConversionError, MissingExtraError, UsageError
from edgefrac.pipeline.quantizing import carried_exact
from edgefrac.pipeline.recipe import ALL
from edgefrac.pipeline.subject import Subject
from edgefrac.progress import Note
from edgefrac.runtimes.session import open_session
from edgefrac.targets.registry import Target, find, of_name

TARGETS = ("tflite", "onnx", "openvino")


def our_files(workshop: Workshop, note: Note) -> Iterator[Entrant]:
    """EdgeFrac's files as ``edgefrac export`` writes them, without its gate; int8 by the checkpoint's exact plan."""
    for name in TARGETS:
        target = find(name)
        for precision in ALL:
            note(f"making: EdgeFrac, {target.title}, {precision}")
            path = workshop.folder / f"ours-{precision}{target.suffix}"
            contract = workshop.contract(target, precision)
            try:
                target.require()
                seconds = _write(workshop, target, contract, path)
            except (ConversionError, MissingExtraError) as error:
                yield Entrant("EdgeFrac", name, precision, None, contract, ours=True, reason=error.message)
                continue
            yield _entrant(target, precision, path, contract, seconds)


def bundled_files(bundle: Path, subject: Subject) -> list[Entrant]:
    """The files of a finished bundle; how long it took to make them is not known.

    Raises BundleError for one that is not intact, UsageError where it was made from another checkpoint.
    """
    opened = open_bundle(bundle)
    if problems := check(opened):
        raise BundleError(f"{bundle}: {problems[0]}")
    found = []
    for name, contract in opened.contracts().items():
        target = of_name(name)
        if contract.checkpoint_sha256 != subject.identity.checkpoint_sha256:
            raise UsageError(f"{bundle}: {name} was not made from {subject.path}", hint="give that checkpoint first")
        if target is not None and target.name in TARGETS and contract.precision in ALL:
            found.append(_entrant(target, contract.precision, opened.root / name, contract, None))
    return sorted(found, key=lambda entrant: (TARGETS.index(entrant.form), ALL.index(entrant.precision)))


def _write(workshop: Workshop, target: Target, contract: Contract, path: Path) -> float:
    """Seconds from the checkpoint's network to the finished file."""
    if contract.precision == "int8":
        started = time.perf_counter()
        target.write_integers(carried_exact(workshop.subject).network, contract, path)
        return time.perf_counter() - started
    graph, seconds = workshop.graph(target)
    started = time.perf_counter()
    target.write(graph, contract, None, path)
    return seconds + time.perf_counter() - started


def _entrant(target: Target, precision: Precision, path: Path, contract: Contract, seconds: float | None) -> Entrant:
    return Entrant(
        "EdgeFrac",
        target.name,
        precision,
        lambda: Ours(open_session(path, THREADS)),
        contract,
        ours=True,
        export_seconds=seconds,
        size_bytes=size_of(target, path),
    )
