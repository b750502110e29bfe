"""Make files and gate them: every file runs in its real runtime on the same radiographs as the torch network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefrac.contract import ON_CODES, Contract, Precision
from edgefrac.datasets.sample import Dataset
from edgefrac.digest import file_sha256
from edgefrac.errors import ConversionError
from edgefrac.evaluation import Answers, Collection, collect
from edgefrac.pipeline.agreement import agreements
from edgefrac.pipeline.inquiry import Inquiry, shots_of
from edgefrac.pipeline.mixed_precision import mixtures
from edgefrac.pipeline.outputs import figures_of, judge_answers
from edgefrac.pipeline.quantizing import Exact, Quantization
from edgefrac.pipeline.recipe import ExportRecipe
from edgefrac.pipeline.subject import Subject
from edgefrac.progress import Note, Track
from edgefrac.runtimes.session import Session, open_session
from edgefrac.targets.registry import Target, find
from edgefrac.verification.certificate import Agreement, ArtefactCertificate
from edgefrac.verification.diagnosis import Diagnosis, FileFacts
from edgefrac.verification.figures import Figures
from edgefrac.verification.strict import diagnosed, held_to_integers, in_words
from edgefrac.verification.verdict import Verdict


@dataclass(frozen=True)
class Ingredients:
    """What files are made from: each target's float graph, made when first asked for, and how int8 is quantized."""

    targets: tuple[Target, ...]
    graph: Callable[[Target], Any]
    quantization: Quantization | None

    def makes(self, target: Target, precision: Precision) -> bool:
        """Whether there can be such a file."""
        exact = self.quantization is not None and self.quantization.exact is not None
        if target.integers_only:
            return exact and precision == "int8"
        if precision not in ON_CODES or exact:
            return True
        return self.quantization is not None and precision == "int8" and self.quantization.serves(target)

    def require_plan(self) -> None:
        """Raise ConversionError for a target of integers alone where there is no exact plan."""
        for target in self.targets:
            if target.integers_only and not self.makes(target, "int8"):
                raise ConversionError(
                    f"target '{target.name}' holds the integers of an exact plan and nothing else, and there is none",
                    hint="docs/families.md says which networks have one",
                )


@dataclass(frozen=True)
class Step:
    """Files to make and to gate at once: their precisions, and the exact plan of those on codes, if there is one."""

    precisions: tuple[Precision, ...]
    exact: Exact | None


@dataclass(frozen=True)
class Made:
    """A file that was written, not judged yet; ``exact`` is the plan that it carries out, if it does."""

    target: Target
    path: Path
    contract: Contract
    exact: Exact | None

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


@dataclass(frozen=True)
class _Gate:
    """What all files of an export are judged by."""

    recipe: ExportRecipe
    quantization: Quantization | None
    reference: Collection
    inquiry: Inquiry
    note: Note


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
    """Write each file to ``scratch`` and gate it; where the recipe stops early, up to each target's first that passes.

    All files that are gated at once see each radiograph as it is read, which happens once.
    """
    ingredients.require_plan()
    gate = _gate(recipe, subject, ingredients, data, reference, note)
    judged: list[Judged] = []
    for step in _steps(recipe, ingredients, subject.exportable.size, note, track):
        done = {j.target for j in judged if j.passed} if recipe.stops_early else set()
        if done == {*ingredients.targets}:
            break
        open_targets = [target for target in ingredients.targets if target not in done]
        wanted = [(t, p) for t in open_targets for p in step.precisions if ingredients.makes(t, p)]
        made = [_make(subject, t, p, ingredients, step.exact, scratch) for t, p in wanted]
        if not made:
            continue
        sessions: list[Session] = [open_session(m.path) for m in made]
        seen = subject.identity.training_data.seen_hashes()
        answers = collect(sessions, data.samples, leave_out=seen, track=track)
        agreed = _agreements(step.exact, made, sessions, answers.answers, note)
        float32_passed: dict[Target, bool] = {}  # of the targets whose float32 file is judged beside the others
        for one, its in zip(made, answers.answers, strict=True):
            found = _judge_one(gate, one, answers, its, float32_passed.get(one.target), agreed)
            if one.contract.precision == "fp32":
                float32_passed[one.target] = found.passed
            judged.append(found)
    return judged


def _steps(recipe: ExportRecipe, ingredients: Ingredients, size: int, note: Note, track: Track) -> Iterator[Step]:
    """What to make and gate, one after the other; layers are asked for their losses only if it comes to that."""
    exact = ingredients.quantization.exact if ingredients.quantization else None
    plain = exact.keeping(()) if exact else None
    if not recipe.stops_early:
        yield Step(recipe.precisions, plain)
        return
    for precision in recipe.precisions:
        if precision != "mixed":
            yield Step((precision,), plain)
        elif exact:
            yield from (Step(("mixed",), mixed) for mixed in mixtures(exact, size, note, track))


def _make(
    subject: Subject,
    target: Target,
    precision: Precision,
    ingredients: Ingredients,
    exact: Exact | None,
    scratch: Path,
) -> Made:
    quantization = ingredients.quantization if precision in ON_CODES else None
    source = quantization.certificate.source if quantization else ""
    network = exact.network if quantization and exact else None
    contract = target.promise(subject.exportable.contract(precision, subject.identity, source), network)
    kind = f"mixed{len(exact.plan.floats)}" if exact and precision == "mixed" else precision
    path = scratch / f"{subject.identity.name}-{kind}{target.suffix}"
    if network:
        target.write_integers(network, contract, path)
        return Made(target, path, contract, exact)
    target.write(ingredients.graph(target), contract, quantization.native if quantization else None, path)
    return Made(target, path, contract, None)


def _agreements(
    exact: Exact | None,
    made: Sequence[Made],
    sessions: Sequence[Session],
    answers: Sequence[Answers],
    note: Note,
) -> dict[str, tuple[Agreement, ...]]:
    """Of the files of an exact plan; says what differs."""
    int8 = [number for number, one in enumerate(made) if one.exact]
    if not int8 or exact is None:
        return {}
    names = [made[number].path.name for number in int8]
    found = agreements(
        exact.network,
        dict(zip(names, (sessions[number] for number in int8), strict=True)),
        dict(zip(names, (answers[number] for number in int8), strict=True)),
    )
    for name, rows in found.items():
        for row in rows:
            if row.largest:
                share = f"{1 - row.identical:.2%} of codes are not those of {row.with_file}"
                note(f"{name}: {share}, by {row.largest} at most")
    return found


def _gate(
    recipe: ExportRecipe,
    subject: Subject,
    ingredients: Ingredients,
    data: Dataset,
    reference: Collection,
    note: Note,
) -> _Gate:
    quantization = ingredients.quantization
    inquiry = Inquiry(
        subject.exportable,
        convert=lambda: ingredients.graph(find("tflite")),
        shots=lambda: shots_of(data.samples, reference.cases),
        plan=quantization.exact.plan if quantization and quantization.exact else None,
    )
    return _Gate(recipe, quantization, reference, inquiry, note)


def _judge_one(
    gate: _Gate,
    made: Made,
    collection: Collection,
    answers: Answers,
    float32_passed: bool | None,
    agreed: Mapping[str, tuple[Agreement, ...]],
) -> Judged:
    placed = made.target.placement(made.path)
    facts = _facts(made, placed, gate.quantization, float32_passed)
    before = gate.reference.answers[0]
    verdict = judge_answers(gate.reference, before, answers, made.contract, gate.recipe.limits)
    diagnosis = gate.inquiry.diagnosis(before, answers, made.contract, verdict, made.path, facts)
    strays = placed["stray_floats"]
    if gate.recipe.strict:
        diagnosis = diagnosis or (diagnosed(strays) if strays else None)
        verdict = held_to_integers(verdict, strays)
    measured = figures_of(collection, answers, made.contract)
    agreement = agreed.get(made.path.name, ())
    certificate = _certify(made, placed, gate.quantization, agreement, measured, verdict, diagnosis)
    _say(gate.note, made.path, verdict, diagnosis, strays)
    return Judged(made.target, made.path, made.contract, made.exact, certificate)


def _facts(
    made: Made, placed: Mapping[str, Any], quantization: Quantization | None, float32_passed: bool | None
) -> FileFacts:
    known = FileFacts(op_dtypes=element_types(placed["types"]))
    if pixels := made.target.input_quantization(made.path):
        known["input_scale"], known["input_zero_point"] = pixels
    if made.contract.precision in ON_CODES:
        if float32_passed is not None:
            known["float32_passed"] = float32_passed
        if quantization:
            known.update(quantization.facts)
            if images := len(set(quantization.certificate.sha256)):
                known["calibration_images"] = images
    return known


def element_types(types: Mapping[str, int]) -> dict[str, int]:
    """Counts of "CONV_2D:int8" and the like -> how many operators give each element type."""
    counted: Counter[str] = Counter()
    for name, count in types.items():
        counted[name.rpartition(":")[2]] += count
    return dict(counted)


def _certify(
    made: Made,
    placed: dict[str, Any],
    quantization: Quantization | None,
    agreement: tuple[Agreement, ...],
    measured: Figures,
    verdict: Verdict,
    diagnosis: Diagnosis | None,
) -> ArtefactCertificate:
    quantized = quantization if made.contract.precision in ON_CODES else None
    return ArtefactCertificate(
        file=made.path.name,
        target=made.target.name,
        bytes=sum(file.stat().st_size for file in made.files),
        sha256=file_sha256(made.path),
        runtime=made.target.runtime,
        placement=made.target.summary(placed),
        stray_floats=tuple(placed["stray_floats"]),
        calibration=quantized.certificate if quantized else None,
        plan_sha256=made.exact.plan.sha256 if made.exact else None,
        agreement=agreement,
        figures=measured,
        verdict=verdict,
        diagnosis=diagnosis,
    )


def _say(note: Note, path: Path, verdict: Verdict, diagnosis: Diagnosis | None, strays: Sequence[str]) -> None:
    note(f"{path.name}: {verdict.verdict}")
    if verdict.verdict != "passed":
        for reason in verdict.reasons:
            note(f"  {reason}")
    if strays:
        note(f"  computed in float, not in integers: {in_words(strays)}")
    if diagnosis:
        note(f"  likely cause: {diagnosis.cause} ({diagnosis.explanation})")
        note(f"  next: {diagnosis.next_step}")
