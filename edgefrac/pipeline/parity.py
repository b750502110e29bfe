"""Parity: what each file answers on each device, beside the float32 reference on the same radiographs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest

import numpy as np
from numpy.typing import NDArray

from edgefrac.benchmarking.document import Parity, Row
from edgefrac.benchmarking.measure import Candidate, ModelFile, opened, reason_of
from edgefrac.contract import ON_CODES, Contract, Precision, remembered
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.errors import DatasetError, EdgeFracError, ImageError
from edgefrac.evaluation import Answers, Collection, collect
from edgefrac.pipeline.outputs import figures_of, judge_answers
from edgefrac.progress import Track
from edgefrac.runtimes.backend import Answered, Backend
from edgefrac.runtimes.session import Prediction, Session
from edgefrac.verification.certificate import Data
from edgefrac.verification.verdict import Limits

_SEED = 20261126
_TRIED = 4
_EMULATED_SECONDS = 240.0
"""For the answers of one int8 file on one emulated device; its parity is then of fewer radiographs, as figures say."""


@dataclass(frozen=True)
class Panel:
    """The radiographs that all files are asked about, read and prepared once: uint8 [N, S, S].

    ``samples`` read them again, in the order of the collection's cases; ``synthetic`` ones are no files.
    """

    samples: tuple[Sample, ...]
    collection: Collection
    images: NDArray[np.uint8]
    data: Data
    synthetic: bool


class _Keeping:
    """A session that keeps what it is shown."""

    def __init__(self, session: Session) -> None:
        self.path, self.contract = session.path, session.contract
        self._session = session
        self.images: list[NDArray[np.uint8]] = []

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """As the session does."""
        self.images.append(network_input)
        return self._session.predict(network_input)


def read_panel(dataset: Dataset, session: Session, most: int, track: Track) -> Panel:
    """At most ``most`` radiographs that the model was not trained on, half of them fractured if there are as many.

    They are drawn by a fixed seed. Raises ``DatasetError`` where none is left.
    """
    seen = session.contract.training_data.seen_hashes()
    keeping = _Keeping(session)
    drawn = _drawn(dataset, seen, most)
    collection = collect([keeping], drawn, leave_out=seen, track=track)
    if not collection.cases:
        raise DatasetError(f"{dataset.name}: no radiograph is left that the model was not trained on")
    data = Data(
        name=dataset.name,
        n=len(collection.cases),
        positives=sum(case.label for case in collection.cases),
        sha256=collection.data_sha256,
        unreadable=len(collection.unreadable),
    )
    read = {case.id for case in collection.cases}
    samples = tuple(sample for sample in drawn if sample.id in read)
    return Panel(samples, collection, np.stack(keeping.images), data, dataset.synthetic)


def _drawn(dataset: Dataset, seen: frozenset[str], most: int) -> list[Sample]:
    """Fractured and others by turns, in an order drawn once, without those whose raster's hash is in ``seen``."""
    order = np.random.default_rng(_SEED).permutation(len(dataset.samples))
    shuffled = [dataset.samples[number] for number in order]
    by_label = [_unseen([sample for sample in shuffled if sample.label == label], seen) for label in (1, 0)]
    turns = chain.from_iterable(zip_longest(*by_label))
    return list(islice((sample for sample in turns if sample is not None), most))


def _unseen(samples: Iterable[Sample], seen: frozenset[str]) -> Iterator[Sample]:
    """One that cannot be read stays: it counts as unreadable when it is read again."""
    for sample in samples:
        try:
            if not seen or remembered(sample.read().sha256) not in seen:
                yield sample
        except ImageError:
            yield sample


def with_parity(
    rows: Sequence[Row],
    candidates: Sequence[Candidate | None],
    files: Sequence[ModelFile],
    panel: Panel,
    track: Track,
) -> tuple[list[Row], dict[str, Answers]]:
    """``rows`` with what their candidates answer; and each file's answers on this machine's CPU, by its shown name.

    The reference is among ``files``. A row that cannot answer becomes unavailable, with the reason, unless the
    stopwatch had it.
    """
    on_cpu = _answers_on_cpu(files, panel, track)
    found = []
    for row, candidate in zip(rows, candidates, strict=True):
        if candidate is not None and row.evidence_level != "unavailable":
            row = _asked(row, candidate, files, panel, on_cpu, track)
        found.append(row)
    return found, {file.shown: answers for file, (_, answers) in on_cpu.items()}


def _answers_on_cpu(
    files: Sequence[ModelFile], panel: Panel, track: Track
) -> dict[ModelFile, tuple[Contract, Answers]]:
    found = {}
    for file, session in opened(files):
        images = track(list(panel.images), f"{file.path.name} on cpu")
        given = Answered.of([session.predict(image) for image in images])
        found[file] = (session.contract, Answers(given.probability, given.evidence))
    return found


def _asked(
    row: Row,
    candidate: Candidate,
    files: Sequence[ModelFile],
    panel: Panel,
    on_cpu: dict[ModelFile, tuple[Contract, Answers]],
    track: Track,
) -> Row:
    backend, file = candidate.backend, candidate.file
    if file not in on_cpu:
        return row
    contract, own = on_cpu[file]
    try:
        plain = backend.device == "cpu" and backend.bare
        answers = own if plain else _answers(backend, candidate.file, contract.precision, panel.images, track)
        n = len(answers.probability)
        beside, asked = _reference(file, files, on_cpu), Collection(panel.collection.cases[:n])
        verdict = judge_answers(asked, _first(on_cpu[beside][1], n), answers, contract, Limits())
        figures = figures_of(asked, answers, contract)
    except EdgeFracError as error:
        level = row.evidence_level if row.median_ms is not None else "unavailable"
        return row.model_copy(update={"evidence_level": level, "reason": reason_of(error)})
    difference = None if plain else float(np.abs(answers.probability - own.probability[:n]).max())
    parity = Parity(
        evidence_level=backend.evidence_level,
        beside=beside.shown,
        figures=figures,
        verdict=verdict,
        max_abs_diff_cpu=difference,
    )
    return row.model_copy(update={"parity": parity})


def _answers(
    backend: Backend, file: ModelFile, precision: Precision, images: NDArray[np.uint8], track: Track
) -> Answers:
    """Of an emulated device only to the first images, as many as it has time for, which may be ten seconds each.

    Float files are held number by number, so that few images tell.
    """
    tried, most = min(_TRIED, len(images)), len(images)
    started = time.monotonic()
    first = backend.answers(file.path, images[:tried], track)
    if backend.evidence_level == "emulated":
        each = (time.monotonic() - started) / tried
        most = min(most, tried + int(_EMULATED_SECONDS / each)) if precision in ON_CODES else tried
    if most == tried:
        return Answers(first.probability, first.evidence)
    rest = backend.answers(file.path, images[tried:most], track)
    evidence = None
    if first.evidence is not None and rest.evidence is not None:
        evidence = np.concatenate([first.evidence, rest.evidence])
    return Answers(np.concatenate([first.probability, rest.probability]), evidence)


def _first(answers: Answers, n: int) -> Answers:
    return Answers(answers.probability[:n], None if answers.evidence is None else answers.evidence[:n])


def _reference(
    file: ModelFile, files: Sequence[ModelFile], on_cpu: dict[ModelFile, tuple[Contract, Answers]]
) -> ModelFile:
    """The float32 file of the same checkpoint, of the same format if there is one; else the file itself."""
    contract, _ = on_cpu[file]
    same = [
        other
        for other in files
        if other in on_cpu
        and on_cpu[other][0].precision == "fp32"
        and on_cpu[other][0].checkpoint_sha256 == contract.checkpoint_sha256
    ]
    return next((other for other in same if other.path.suffix == file.path.suffix), (same or [file])[0])
