"""Benchmark: how fast model files are on each device, and what they answer there, in one interleaved run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefrac.benchmarking.document import Document, EndToEnd, Row, changes, read_document, same_machine
from edgefrac.benchmarking.host import host, now
from edgefrac.benchmarking.measure import Candidate, ModelFile, blank, check, measure, opened
from edgefrac.bundle import check as intact
from edgefrac.bundle import open_bundle
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.errors import BundleError, UsageError
from edgefrac.evaluation import Answers
from edgefrac.pipeline.end_to_end import end_to_end
from edgefrac.pipeline.parity import Panel, read_panel, with_parity
from edgefrac.prediction import is_bundle
from edgefrac.progress import Track, silent
from edgefrac.runtimes.admission import admit
from edgefrac.runtimes.backend import Backend, backends
from edgefrac.runtimes.session import model_kind, open_session

_PHANTOM_SEED = 2027


@dataclass(frozen=True)
class Bench:
    """The document of ``edgefrac bench``, and what a report shows besides.

    ``panel`` are the radiographs of every row's parity, None where none was asked for; ``answers`` what each file says
    to them on this machine's CPU, by the path in its rows.
    """

    document: Document
    files: tuple[ModelFile, ...]
    panel: Panel | None
    answers: dict[str, Answers]


def benchmark(
    models: Iterable[str | Path],
    *,
    devices: Sequence[str] = ("cpu",),
    threads: Sequence[int] = (1,),
    seconds: float = 5.0,
    data: str | None = None,
    images: int = 100,
    against: str | Path | None = None,
    track: Track = silent,
) -> Document:
    """Time model files, and all files of bundles, in turns with each other; the document of ``edgefrac bench --json``.

    ``seconds`` are per file and number of threads; opening and warming up come on top. ``data`` are labelled
    radiographs, of which ``images`` at most are shown to every file on every device; devices other than the CPU are
    shown phantoms where there are none. A device that cannot run here gives rows with the reason. ``against`` is a
    document of an earlier day, of the same kind of machine. Raises ``ModelFileError``, ``BundleError`` or
    ``CheckpointError`` for what cannot be used, ``DatasetError`` and ``UsageError``.
    """
    return run_bench(
        models,
        devices=devices,
        threads=threads,
        seconds=seconds,
        data=data,
        images=images,
        against=against,
        track=track,
    ).document


def run_bench(
    models: Iterable[str | Path],
    *,
    devices: Sequence[str],
    threads: Sequence[int],
    seconds: float,
    data: str | None,
    images: int,
    against: str | Path | None,
    track: Track,
    reported: bool = False,
) -> Bench:
    """``benchmark`` with what a report needs; ``reported``: parity on phantoms without ``data``, and the whole path."""
    files = [file for path in models for file in model_files(Path(path))]
    _check_words(files, devices, threads, seconds, images)
    for file in track(files, "trying"):
        admit(file.path)
    then = read_document(Path(against)) if against else None
    before = now()
    if then:
        same_machine(then, host(before, before))
    check(files, track)
    rows, candidates = _measured(files, dict.fromkeys(devices), list(dict.fromkeys(threads)), seconds, track)
    here = host(before, now())
    panel: Panel | None = None
    answers: dict[str, Answers] = {}
    asked = data or reported or set(devices) != {"cpu"}
    if asked and any(row.evidence_level != "unavailable" for row in rows):
        panel = _panel(files, data, images, track)
        rows, answers = with_parity(rows, candidates, files, panel, track)
    document = Document(
        rows=tuple(rows),
        host=here,
        changes=changes(tuple(rows), then) if then else (),
        data=panel.data if panel else None,
        end_to_end=_whole_path(rows, files, panel, seconds, track) if reported and panel else None,
    )
    return Bench(document, tuple(files), panel, answers)


def model_files(path: Path) -> list[ModelFile]:
    """The file itself, or every model file of a bundle; raises ``BundleError`` for one that is not intact."""
    if not is_bundle(path):
        return [ModelFile(path, str(path))]
    bundle = open_bundle(path)
    if problems := intact(bundle):
        raise BundleError(f"{path}: {problems[0]}", hint="get or export the bundle again")
    return [ModelFile(bundle.root / name, str(path / name)) for name in bundle.contracts()]


def _check_words(
    files: Sequence[ModelFile], devices: Sequence[str], threads: Sequence[int], seconds: float, images: int
) -> None:
    if not files:
        raise UsageError("nothing to measure", hint="give model files or bundles")
    if any(count < 1 for count in threads) or seconds <= 0 or images < 1:
        raise UsageError("threads, seconds and images must be positive")
    for device in devices:
        backends(device)


def _measured(
    files: Sequence[ModelFile], devices: Iterable[str], threads: Sequence[int], seconds: float, track: Track
) -> tuple[list[Row], list[Candidate | None]]:
    """Rows by device, file and number of threads; of files that no backend of a device takes, one with the reason."""
    found: list[Candidate | Row] = []
    for device in devices:
        for file in files:
            found += _candidates(file, device, threads) or [blank(file, device, 1, _not_taken(file, device))]
    candidates = [one for one in found if isinstance(one, Candidate)]
    measured = iter(measure(candidates, seconds, track))
    rows = [next(measured) if isinstance(one, Candidate) else one for one in found]
    return rows, [one if isinstance(one, Candidate) else None for one in found]


def _candidates(file: ModelFile, device: str, threads: Sequence[int]) -> list[Candidate]:
    """Numbers of threads are the CPU's."""
    counts = threads if device == "cpu" else (1,)
    return [Candidate(file, backend, count) for backend in backends_for(file, device) for count in counts]


def backends_for(file: ModelFile, device: str) -> list[Backend]:
    """The backends of a device that take a file."""
    kind, precision = model_kind(file.path), blank(file, device, 1, "").precision
    return [backend for backend in backends(device) if backend.takes(kind, precision)]


def _not_taken(file: ModelFile, device: str) -> str:
    kind, precision = model_kind(file.path).value, blank(file, device, 1, "").precision
    return f"no backend of this device takes {kind} files in {precision}"


def _whole_path(
    rows: Sequence[Row], files: Sequence[ModelFile], panel: Panel, seconds: float, track: Track
) -> EndToEnd | None:
    """Of the fastest file that was measured on the CPU with one thread and has an evidence map."""
    fastest = sorted((row for row in rows if row.device == "cpu" and row.median_ms), key=lambda row: row.median_ms or 0)
    by_name = {file.shown: file for file in files}
    for row in fastest:
        session = open_session(by_name[row.path].path)
        if session.contract.has_evidence:
            return end_to_end(row.path, row.runtime, session, panel, seconds, track)
    return None


def _panel(files: Sequence[ModelFile], data: str | None, images: int, track: Track) -> Panel:
    sessions = [session for _, session in opened(files)]
    if len({session.contract.input.size for session in sessions}) != 1:
        cause = "files of different input sizes cannot be asked about the same radiographs"
        raise UsageError(cause, hint="bench those of each size by themselves")
    dataset = fracture_task(open_dataset(data)) if data else phantom_dataset(images, _PHANTOM_SEED)
    return read_panel(dataset, sessions[0], images, track)
