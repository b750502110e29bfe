"""Verify: check a bundle, or one model file, again: anywhere, without torch, with the figures recomputed on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from edgefrac.bundle import CERTIFICATE, Bundle, Condition, Expected, State, condition_of, open_bundle
from edgefrac.bundle.keys import read_public_key
from edgefrac.contract import Contract
from edgefrac.datasets import fracture_task, open_dataset
from edgefrac.datasets.phantom import phantom_dataset
from edgefrac.errors import EdgeFracError, UsageError
from edgefrac.evaluation import Answers, Collection, collect, require_both_classes
from edgefrac.imaging.preprocess import preprocess
from edgefrac.pipeline.outputs import figures_of, judge_answers
from edgefrac.prediction import is_bundle
from edgefrac.progress import Note, Track
from edgefrac.runtimes.admission import admit, remember
from edgefrac.runtimes.session import Prediction, Session, open_session
from edgefrac.verification.certificate import Certificate

_PHANTOMS = 4
_PHANTOM_SEED = 2026
_MAP_TOLERANCE = 1e-3  # of the probability recomputed from the evidence map in float64


@dataclass(frozen=True)
class Check:
    """One line of the result."""

    name: str
    verdict: Literal["passed", "failed", "undecided"]
    detail: str


@dataclass(frozen=True)
class VerifyResult:
    """All checks, and a bundle's condition; passed only if each check is and the bundle is sound."""

    checks: tuple[Check, ...]
    condition: Condition | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed, and nothing speaks against the bundle as a whole."""
        sound = self.condition is None or self.condition.sound
        return sound and all(c.verdict == "passed" for c in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The document of ``edgefrac verify --json``."""
        document: dict[str, Any] = {"passed": self.passed}
        if self.condition:
            document["bundle"] = self.condition.to_dict()
        return {**document, "checks": [asdict(c) for c in self.checks]}


def verify_bundle(
    path: Path, data: str | None = None, *, public_key: Path | None = None, note: Note, track: Track
) -> VerifyResult:
    """Check ``path``; with ``data`` also run the gate again, against the bundle's float32 file.

    With ``public_key`` a bundle must be signed by its other half. No file of a bundle that is not as it was made comes
    before a runtime. Raises BundleError or ModelFileError for what is neither a bundle nor a model file, KeyFileError.
    """
    if not is_bundle(path):
        require_bundle(path, public_key)
        admit(path)
        session = open_session(path)
        return VerifyResult((_consistent(session),))
    bundle = open_bundle(path)
    condition, checks = condition_checks(bundle, public_key)
    if any(check.verdict == "failed" for check in checks):
        return VerifyResult(tuple(checks), condition)
    contracts = bundle.contracts()
    for name in contracts:
        admit(bundle.root / name)
    sessions = {name: open_session(bundle.root / name) for name in contracts}
    checks += _same_contracts(contracts, sessions)
    certificate = Certificate.from_json(bundle.read(CERTIFICATE))
    checks += _certified(bundle, certificate, sessions)
    checks += _golden(bundle, sessions)
    if data is not None:
        checks += _gate_again(data, sessions, certificate, note, track)
    return VerifyResult(tuple(checks), condition)


def condition_checks(bundle: Bundle, public_key: Path | None) -> tuple[Condition, list[Check]]:
    """A bundle's condition, and the check of its files: one line for each that is not as it was made.

    Raises KeyFileError for a key that is none, MissingExtraError where keys cannot be used.
    """
    condition = condition_of(bundle, read_public_key(public_key) if public_key else None)
    if condition.state is State.SIGNED:  # its maker vouches for its files: they need no trial
        for name in bundle.contracts():
            remember(bundle.root / name)
    if condition.state in (State.CORRUPT, State.TAMPERED, State.OTHER_KEY):
        damage = [Check("checksums", "failed", problem) for problem in condition.problems]
        return condition, damage or [Check("signature", "failed", condition.detail)]
    return condition, [Check("checksums", "passed", f"{len(bundle.manifest.files)} files as listed")]


def require_bundle(path: Path, public_key: Path | None) -> None:
    """Raise UsageError where a signature is asked of a single file."""
    if public_key:
        raise UsageError(f"{path}: a signature is that of a bundle, not of one file of it", hint="give the bundle")


def _consistent(session: Session) -> Check:
    """A file without its bundle: does its probability follow from its evidence map, as its contract says?"""
    task = session.contract.task()
    if not session.contract.has_evidence:
        return Check("evidence adds up", "undecided", session.contract.evidence)
    worst = 0.0
    for sample in phantom_dataset(_PHANTOMS, _PHANTOM_SEED).samples:
        answer = session.predict(preprocess(sample.read().pixels, session.contract.input.size))
        assert answer.evidence is not None
        channel = task.first_channel
        logit = (answer.evidence[..., channel].astype(np.float64).mean() + task.bias[0]) / task.temperature
        worst = max(worst, abs(float(answer.probability[channel]) - 1 / (1 + np.exp(-logit))))
    verdict: Literal["passed", "failed"] = "passed" if worst <= _MAP_TOLERANCE else "failed"
    return Check("evidence adds up", verdict, f"largest difference of probability {worst:.1e} on {_PHANTOMS} phantoms")


def _same_contracts(contracts: dict[str, Contract], sessions: dict[str, Session]) -> Iterator[Check]:
    for name, contract in contracts.items():
        same = sessions[name].contract == contract
        detail = "as in contract.json" if same else "another contract than contract.json"
        yield Check(f"contract of {name}", "passed" if same else "failed", detail)


def _certified(bundle: Bundle, certificate: Certificate, sessions: dict[str, Session]) -> Iterator[Check]:
    hashes = {entry.path: entry.sha256 for entry in bundle.manifest.files}
    for name in sessions:
        entry = certificate.artefact(name)
        if entry is None or entry.sha256 != hashes[name]:
            yield Check(f"certificate of {name}", "failed", "the certificate is for another file")
            continue
        detail = f"{entry.verdict.verdict} on {certificate.data.n} images of {certificate.data.name}"
        yield Check(f"certificate of {name}", entry.verdict.verdict, detail)


def _golden(bundle: Bundle, sessions: dict[str, Session]) -> Iterator[Check]:
    vectors = list(bundle.golden())
    for name, session in sessions.items():
        size = session.contract.input.size
        far = []
        for vector in vectors:
            if not np.array_equal(preprocess(vector.raster, size), vector.network_input):
                far.append(f"{vector.name}: preprocessing gives other pixels")
            elif wrong := beyond(session.predict(vector.network_input), vector.expected[name]):
                far.append(f"{vector.name}: {wrong}")
        detail = "; ".join(far) or f"{len(vectors)} reproduced"
        yield Check(f"golden vectors of {name}", "failed" if far else "passed", detail)


def beyond(answer: Prediction, wanted: Expected) -> str:
    """How an answer is further from a golden vector's than that allows; empty where it is not."""
    difference = float(np.abs(answer.probability - np.asarray(wanted.probability)).max())
    if difference > wanted.probability_tolerance:
        return f"probability differs by {difference:.2g}, tolerance {wanted.probability_tolerance:g}"
    if wanted.evidence is not None and answer.evidence is not None:
        difference = float(np.abs(answer.evidence - np.asarray(wanted.evidence)).max())
        if difference > wanted.evidence_tolerance:
            return f"evidence differs by {difference:.2g}, tolerance {wanted.evidence_tolerance:g}"
    return ""


def _gate_again(
    data: str, sessions: dict[str, Session], certificate: Certificate, note: Note, track: Track
) -> Iterator[Check]:
    """Each file against the float32 file of the same bundle, which was held to 1e-5 of the network itself."""
    dataset = fracture_task(open_dataset(data))
    first = next(iter(sessions.values())).contract
    collection = collect(
        list(sessions.values()), dataset.samples, leave_out=first.training_data.seen_hashes(), track=track
    )
    require_both_classes(dataset.name, collection)
    answers: dict[str, Answers] = dict(zip(sessions, collection.answers, strict=True))
    reference = next((n for n, s in sessions.items() if s.contract.precision == "fp32"), None)
    for name, session in sessions.items():
        if collection.data_sha256 == certificate.data.sha256:
            yield _drift(name, collection, answers[name], session.contract, certificate)
        if reference is None:
            yield Check(f"gate of {name}", "undecided", "the bundle has no float32 file to compare with")
            continue
        try:
            verdict = judge_answers(collection, answers[reference], answers[name], session.contract, certificate.limits)
        except EdgeFracError as error:
            yield Check(f"gate of {name}", "failed", error.message)
            continue
        detail = "; ".join(verdict.reasons) or f"{len(collection.cases)} images, {len(verdict.flips)} flips"
        yield Check(f"gate of {name}", verdict.verdict, detail)
    note(f"{len(collection.cases)} images, {collection.left_out} left out because seen in training")


def _drift(name: str, collection: Collection, answers: Answers, contract: Contract, certificate: Certificate) -> Check:
    """On the certificate's own data: are the figures still those of the certificate?"""
    entry = certificate.artefact(name)
    now = figures_of(collection, answers, contract)
    if entry is None or entry.figures.auroc.value is None or now.auroc.value is None:
        return Check(f"figures of {name}", "undecided", "no AUROC to compare")
    change = abs(now.auroc.value - entry.figures.auroc.value)
    same = change <= certificate.limits.fp16_probability
    detail = f"AUROC {now.auroc.value:.4f}, certified {entry.figures.auroc.value:.4f}"
    return Check(f"figures of {name}", "passed" if same else "failed", detail)
