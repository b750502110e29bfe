"""Make files and gate them: every file runs in its real runtime on the same radiographs as the torch network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgefrac.contract import Contract, Precision
from edgefrac.datasets.sample import Dataset
from edgefrac.digest import file_sha256
from edgefrac.evaluation import Answers, Collection, collect
from edgefrac.pipeline.inquiry import Inquiry, shots_of
from edgefrac.pipeline.outputs import figures_of, judge_answers
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Calibrated, Subject
from edgefrac.progress import Note, Track
from edgefrac.runtimes.session import Session, open_session
from edgefrac.targets import tflite
from edgefrac.targets.tflite_placement import element_types, input_quantization, placement
from edgefrac.verification.certificate import ArtefactCertificate
from edgefrac.verification.diagnosis import Diagnosis, FileFacts
from edgefrac.verification.figures import Figures
from edgefrac.verification.verdict import Verdict


@dataclass(frozen=True)
class Judged:
    """A file that was made, and what the gate found."""

    path: Path
    contract: Contract
    certificate: ArtefactCertificate


def make_and_judge(
    recipe: ExportRecipe,
    subject: Subject,
    float_model: bytes,
    calibrated: Calibrated | None,
    data: Dataset,
    reference: Collection,
    scratch: Path,
    note: Note,
    track: Track,
) -> list[Judged]:
    """Write each file to ``scratch`` and gate it; with precision auto, stop at the first that passes."""
    ladder = recipe.precision == "auto"
    wanted = [p for p in recipe.precisions if p != "int8" or calibrated]
    judged: list[Judged] = []
    inquiry = Inquiry(subject.exportable, lambda: float_model, lambda: shots_of(data.samples, reference.cases))
    for group in [[p] for p in wanted] if ladder else [wanted]:
        made = [_make(subject, p, float_model, calibrated, scratch) for p in group]
        sessions: list[Session] = [open_session(path) for path, _ in made]
        seen = subject.identity.training_data.seen_hashes()
        answers = collect(sessions, data.samples, leave_out=seen, track=track)
        float32_passed: bool | None = None  # unless the float32 file is judged beside this one
        for (path, contract), session_answers in zip(made, answers.answers, strict=True):
            facts = _facts(path, contract, calibrated, float32_passed)
            verdict, diagnosis = _judge(recipe, reference, session_answers, contract, facts, path, inquiry)
            if contract.precision == "fp32":
                float32_passed = verdict.verdict == "passed"
            measured = figures_of(answers, session_answers, contract)
            certificate = _certify(path, contract, calibrated, measured, verdict, diagnosis)
            judged.append(Judged(path, contract, certificate))
            _say(note, path, verdict, diagnosis)
        if ladder and judged[-1].certificate.verdict.verdict == "passed":
            break
    return judged


def _make(
    subject: Subject, precision: Precision, float_model: bytes, calibrated: Calibrated | None, scratch: Path
) -> tuple[Path, Contract]:
    source = calibrated.certificate.source if calibrated and precision == "int8" else ""
    contract = subject.exportable.contract(precision, subject.identity, source)
    plan = calibrated.plan if calibrated and precision == "int8" else None
    path = scratch / f"{subject.identity.name}-{precision}{tflite.SUFFIX}"
    path.write_bytes(tflite.write(float_model, contract, plan))
    return path, contract


def _facts(path: Path, contract: Contract, calibrated: Calibrated | None, float32_passed: bool | None) -> FileFacts:
    scale, zero_point = input_quantization(path)
    known = FileFacts(input_scale=scale, input_zero_point=zero_point, op_dtypes=element_types(path))
    if contract.precision == "int8":
        if float32_passed is not None:
            known["float32_passed"] = float32_passed
        if calibrated:
            known.update(calibrated.facts)
            if images := len(set(calibrated.certificate.sha256)):
                known["calibration_images"] = images
    return known


def _judge(
    recipe: ExportRecipe,
    reference: Collection,
    answers: Answers,
    contract: Contract,
    facts: FileFacts,
    path: Path,
    inquiry: Inquiry,
) -> tuple[Verdict, Diagnosis | None]:
    before = reference.answers[0]
    verdict = judge_answers(reference, before, answers, contract, recipe.limits)
    return verdict, inquiry.diagnosis(before, answers, contract, verdict, path, facts)


def _certify(
    path: Path,
    contract: Contract,
    calibrated: Calibrated | None,
    measured: Figures,
    verdict: Verdict,
    diagnosis: Diagnosis | None,
) -> ArtefactCertificate:
    placed = placement(path)
    return ArtefactCertificate(
        file=path.name,
        target="tflite",
        bytes=path.stat().st_size,
        sha256=file_sha256(path),
        runtime="LiteRT, XNNPACK",
        placement=f"{placed['xnnpack_partitions']} XNNPACK, outside: {', '.join(placed['outside_xnnpack']) or 'none'}",
        calibration=calibrated.certificate if calibrated and contract.precision == "int8" else None,
        figures=measured,
        verdict=verdict,
        diagnosis=diagnosis,
    )


def _say(note: Note, path: Path, verdict: Verdict, diagnosis: Diagnosis | None) -> None:
    note(f"{path.name}: {verdict.verdict}")
    if verdict.verdict != "passed":
        for reason in verdict.reasons:
            note(f"  {reason}")
    if diagnosis:
        note(f"  likely cause: {diagnosis.cause} ({diagnosis.explanation})")
        note(f"  next: {diagnosis.next_step}")
