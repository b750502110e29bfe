"""Benchmark: how fast model files are on each device, with intervals, in one interleaved run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from edgefrac.benchmarking.document import Document, Row, changes, read_document, same_machine
from edgefrac.benchmarking.host import host, now
from edgefrac.benchmarking.measure import ModelFile, blank, measure
from edgefrac.bundle import check, open_bundle
from edgefrac.errors import BundleError, UsageError
from edgefrac.prediction import is_bundle
from edgefrac.progress import Track, silent
from edgefrac.runtimes.devices import devices as devices_here


def benchmark(
    models: Iterable[str | Path],
    *,
    devices: Sequence[str] = ("cpu",),
    threads: Sequence[int] = (1,),
    seconds: float = 5.0,
    against: str | Path | None = None,
    track: Track = silent,
) -> Document:
    """Time model files, and all files of bundles, in turns with each other; the document of ``edgefrac bench --json``.

    ``seconds`` are per file and number of threads; opening and warming up come on top. A device that cannot run here
    gives rows with the reason. ``against`` is a document of an earlier day, of the same kind of machine. Raises
    ``ModelFileError``, ``BundleError`` or ``CheckpointError`` for what cannot be used, and ``UsageError``.
    """
    files = [file for path in models for file in model_files(Path(path))]
    if not files:
        raise UsageError("nothing to measure", hint="give model files or bundles")
    if any(count < 1 for count in threads) or seconds <= 0:
        raise UsageError("threads and seconds must be positive")
    reasons = _reasons(files[0].path, devices)
    then = read_document(Path(against)) if against else None
    before = now()
    if then:
        same_machine(then, host(before, before))
    rows: list[Row] = []
    for device in dict.fromkeys(devices):
        if device == "cpu":
            rows += measure(files, list(dict.fromkeys(threads)), seconds, track)
        else:
            rows += [blank(file, device, count, reasons[device]) for file in files for count in dict.fromkeys(threads)]
    here, measured = host(before, now()), tuple(rows)
    return Document(rows=measured, host=here, changes=changes(measured, then) if then else ())


def model_files(path: Path) -> list[ModelFile]:
    """The file itself, or every model file of a bundle; raises ``BundleError`` for one that is not intact."""
    if not is_bundle(path):
        return [ModelFile(path, str(path))]
    bundle = open_bundle(path)
    if problems := check(bundle):
        raise BundleError(f"{path}: {problems[0]}", hint="get or export the bundle again")
    return [ModelFile(bundle.root / name, str(path / name)) for name in bundle.contracts()]


def _reasons(model: Path, devices: Sequence[str]) -> dict[str, str]:
    """Why each device cannot run here; raises ``UsageError`` for one that there is not."""
    if set(devices) <= {"cpu"}:
        return {}
    known = {device.name: device.reason for device in devices_here(model)}
    for device in devices:
        if device not in known:
            raise UsageError(f"device '{device}' is not known", hint=f"one of: {', '.join(known)}")
    return known
