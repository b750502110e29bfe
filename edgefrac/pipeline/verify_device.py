"""Verify a bundle, or one model file, on another device than this machine's CPU: the same questions, asked there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from edgefrac.benchmarking.measure import Candidate, ModelFile, blank, reason_of
from edgefrac.bundle import Bundle, Condition, open_bundle
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.errors import EdgeFracError
from edgefrac.pipeline.bench import backends_for, model_files
from edgefrac.pipeline.parity import read_panel, with_parity
from edgefrac.pipeline.verify import Check, VerifyResult, beyond, condition_checks, require_bundle
from edgefrac.prediction import is_bundle
from edgefrac.progress import Note, Track
from edgefrac.runtimes.admission import admit
from edgefrac.runtimes.backend import Backend
from edgefrac.runtimes.session import Prediction, open_session


def verify_on(
    path: Path,
    device: str,
    data: str | None,
    images: int,
    *,
    public_key: Path | None = None,
    note: Note,
    track: Track,
) -> VerifyResult:
    """Check ``path`` on every backend of ``device`` that takes its files.

    A bundle's golden vectors must be answered there as on a CPU; where other arithmetic answers them otherwise that is
    *undecided*, and with ``data`` the gate decides, on ``images`` radiographs at most. Raises BundleError,
    ModelFileError, KeyFileError or DatasetError for what cannot be used; a device that cannot run here is an undecided
    check.
    """
    condition: Condition | None = None
    checks: list[Check] = []
    if is_bundle(path):
        bundle = open_bundle(path)
        condition, checks = condition_checks(bundle, public_key)
        if any(check.verdict == "failed" for check in checks):
            return VerifyResult(tuple(checks), condition)
    else:
        require_bundle(path, public_key)
    files = model_files(path)
    for file in files:
        admit(file.path)
    taken = [(file, backend) for file in files for backend in backends_for(file, device)]
    if not taken:
        checks.append(Check(device, "undecided", f"no backend of it takes a file of {path}"))
        return VerifyResult(tuple(checks), condition)
    checks += [_placed(file, backend) for file, backend in taken]
    if is_bundle(path):
        checks += [_golden(bundle, file, backend, track) for file, backend in taken]
    if data is not None:
        checks += _gated(files, taken, data, images, note, track)
    return VerifyResult(tuple(checks), condition)


def _name(what: str, file: ModelFile, backend: Backend) -> str:
    return f"{what} of {file.path.name} on {backend.title}"


def _placed(file: ModelFile, backend: Backend) -> Check:
    name = _name("placement", file, backend)
    try:
        placed = backend.placement(file.path)
    except EdgeFracError as error:
        return Check(name, "undecided", reason_of(error))
    if placed is None:
        return Check(name, "undecided", "it does not tell where operators run")
    return Check(name, "failed" if placed.elsewhere else "passed", placed.summary)


def _golden(bundle: Bundle, file: ModelFile, backend: Backend, track: Track) -> Check:
    name = _name("golden vectors", file, backend)
    vectors = list(bundle.golden())
    try:
        found = backend.answers(file.path, np.stack([vector.network_input for vector in vectors]), track)
    except EdgeFracError as error:
        return Check(name, "undecided", reason_of(error))
    far = []
    for number, vector in enumerate(vectors):
        evidence = None if found.evidence is None else found.evidence[number]
        answer = Prediction(found.probability[number], evidence)
        if wrong := beyond(answer, vector.expected[file.path.name]):
            far.append(f"{vector.name}: {wrong}")
    if not far:
        return Check(name, "passed", f"{len(vectors)} reproduced, {backend.evidence_level}")
    return Check(name, "undecided", f"{'; '.join(far)}; with --data the gate decides whether that matters")


def _gated(
    files: Sequence[ModelFile],
    taken: Sequence[tuple[ModelFile, Backend]],
    data: str,
    images: int,
    note: Note,
    track: Track,
) -> Iterator[Check]:
    """The gate on each backend, against the float32 file of the same bundle; else against the file itself here."""
    dataset = fracture_task(open_dataset(data))
    panel = read_panel(dataset, open_session(files[0].path), images, track)
    candidates = [Candidate(file, backend, 1) for file, backend in taken]
    # files beside them, for the reference is among these
    rows = [blank(c.file, c.backend.device, 1, "", c.backend.title) for c in candidates]
    rows = [
        row.model_copy(update={"evidence_level": c.backend.evidence_level})
        for row, c in zip(rows, candidates, strict=True)
    ]
    answered, _ = with_parity(rows, candidates, files, panel, track)
    for row, candidate in zip(answered, candidates, strict=True):
        name = _name("gate", candidate.file, candidate.backend)
        if row.parity is None:
            yield Check(name, "undecided", row.reason)
            continue
        verdict = row.parity.verdict
        detail = "; ".join(verdict.reasons) or f"{panel.data.n} images, {len(verdict.flips)} flips"
        yield Check(name, verdict.verdict, f"{detail} ({row.parity.evidence_level})")
    note(f"{panel.data.n} images of {panel.data.name}, {panel.data.positives} fractured")
