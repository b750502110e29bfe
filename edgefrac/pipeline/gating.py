"""Make files and gate them: every file runs in its real runtime on the same radiographs as the torch network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefrac.contract import Contract, Precision
from edgefrac.datasets.sample import Dataset
from edgefrac.digest import file_sha256
from edgefrac.evaluation import Answers, Collection, collect
from edgefrac.pipeline.outputs import figures_of, judge_answers, outputs_of
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Calibrated, Subject
from edgefrac.progress import Note, Track
from edgefrac.runtimes.session import Session, open_session
from edgefrac.targets.registry import Target
from edgefrac.verification.certificate import ArtefactCertificate
from edgefrac.verification.diagnosis import Diagnosis, FileFacts, diagnose
from edgefrac.verification.figures import Figures
from edgefrac.verification.verdict import Verdict


@dataclass(frozen=True)
class Ingredients:
    """What files are made from: each target's float graph, and the activation ranges where there are any."""

    graphs: Mapping[Target, Any]
    calibrated: Calibrated | None

    def makes(self, target: Target, precision: Precision) -> bool:
        """Whether there can be such a file."""
        return precision in target.precisions and (precision != "int8" or self.calibrated is not None)


@dataclass(frozen=True)
class Made:
    """A file that was written, not judged yet."""

    target: Target
    path: Path
    contract: Contract

    @property
    def files(self) -> tuple[Path, ...]:
        """The file and those that it cannot run without."""
        return self.path, *self.target.companions(self.path)


@dataclass(frozen=True)
class Judged(Made):
    """A file that was made, and what the gate found."""

    certificate: ArtefactCertificate

    @property
    def passed(self) -> bool:
        """Whether the file may leave."""
        return self.certificate.verdict.verdict == "passed"


def make_and_judge(
    recipe: ExportRecipe,
    subject: Subject,
    ingredients: Ingredients,
    data: Dataset,
    reference: Collection,
    scratch: Path,
    note: Note,
    track: Track,
) -> list[Judged]:
    """Write each file to ``scratch`` and gate it; with precision auto, stop at each target's first that passes.

    All files that are gated at once see each radiograph as it is read, which happens once.
    """
    ladder = recipe.precision == "auto"
    judged: list[Judged] = []
    for group in [(p,) for p in recipe.precisions] if ladder else [recipe.precisions]:
        done = {j.target for j in judged if j.passed} if ladder else set()
        wanted = [(t, p) for t in ingredients.graphs if t not in done for p in group if ingredients.makes(t, p)]
        made = [_make(subject, t, p, ingredients, scratch) for t, p in wanted]
        if not made:
            continue
        sessions: list[Session] = [open_session(m.path) for m in made]
        seen = subject.identity.training_data.seen_hashes()
        answers = collect(sessions, data.samples, leave_out=seen, track=track)
        float32_passed: dict[Target, bool] = {}  # of the targets whose float32 file is judged beside the others
        for one, its in zip(made, answers.answers, strict=True):
            found = _judge_one(recipe, one, ingredients.calibrated, reference, answers, its, float32_passed, note)
            if one.contract.precision == "fp32":
                float32_passed[one.target] = found.passed
            judged.append(found)
    return judged


def _make(subject: Subject, target: Target, precision: Precision, ingredients: Ingredients, scratch: Path) -> Made:
    calibrated = ingredients.calibrated if precision == "int8" else None
    source = calibrated.certificate.source if calibrated else ""
    contract = target.promise(subject.exportable.contract(precision, subject.identity, source))
    path = scratch / f"{subject.identity.name}-{precision}{target.suffix}"
    target.write(ingredients.graphs[target], contract, calibrated.plan if calibrated else None, path)
    return Made(target, path, contract)


def _judge_one(
    recipe: ExportRecipe,
    made: Made,
    calibrated: Calibrated | None,
    reference: Collection,
    collection: Collection,
    answers: Answers,
    float32_passed: Mapping[Target, bool],
    note: Note,
) -> Judged:
    placed = made.target.placement(made.path)
    facts = _facts(made, placed, calibrated, float32_passed.get(made.target))
    verdict, diagnosis = _judge(recipe, reference, answers, made.contract, facts)
    measured = figures_of(collection, answers, made.contract)
    certificate = _certify(made, placed, calibrated, measured, verdict, diagnosis)
    _say(note, made.path, verdict, diagnosis)
    return Judged(made.target, made.path, made.contract, certificate)


def _facts(
    made: Made, placed: Mapping[str, Any], calibrated: Calibrated | None, float32_passed: bool | None
) -> FileFacts:
    known = FileFacts(op_dtypes=_element_types(placed["types"]))
    if quantization := made.target.input_quantization(made.path):
        known["input_scale"], known["input_zero_point"] = quantization
    if made.contract.precision == "int8":
        if float32_passed is not None:
            known["float32_passed"] = float32_passed
        if calibrated:
            known.update(calibrated.facts)
    return known


def _element_types(types: Mapping[str, int]) -> dict[str, int]:
    """Counts of "CONV_2D:int8" and the like -> how many operators give each element type."""
    counted: Counter[str] = Counter()
    for name, count in types.items():
        counted[name.rpartition(":")[2]] += count
    return dict(counted)


def _judge(
    recipe: ExportRecipe,
    reference: Collection,
    answers: Answers,
    contract: Contract,
    facts: FileFacts,
) -> tuple[Verdict, Diagnosis | None]:
    before = reference.answers[0]
    verdict = judge_answers(reference, before, answers, contract, recipe.limits)
    return verdict, diagnose(outputs_of(before, contract), outputs_of(answers, contract), verdict, facts)


def _certify(
    made: Made,
    placed: dict[str, Any],
    calibrated: Calibrated | None,
    measured: Figures,
    verdict: Verdict,
    diagnosis: Diagnosis | None,
) -> ArtefactCertificate:
    return ArtefactCertificate(
        file=made.path.name,
        target=made.target.name,
        bytes=sum(file.stat().st_size for file in made.files),
        sha256=file_sha256(made.path),
        runtime=made.target.runtime,
        placement=made.target.summary(placed),
        calibration=calibrated.certificate if calibrated and made.contract.precision == "int8" else None,
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
