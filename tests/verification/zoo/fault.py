"""A fault of the zoo: how it is planted, and the gate and the diagnosis on what was planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from edgefrac.contract import Contract, Precision
from edgefrac.pipeline.gating import element_types
from edgefrac.pipeline.inquiry import SHOTS, Inquiry
from edgefrac.pipeline.outputs import judge_answers
from edgefrac.runtimes.session import Prediction
from edgefrac.targets.tflite_graph import finish
from edgefrac.targets.tflite_placement import input_quantization, placement
from edgefrac.verification.diagnosis import Diagnosis, FileFacts
from edgefrac.verification.verdict import Limits, Verdict
from tests.verification.zoo.films import Film
from tests.verification.zoo.material import Export, Material, answered, right


@dataclass(frozen=True)
class Planted:
    """A file, what answers from it to a film (an app that may do it wrongly), and what the file's maker knows."""

    path: Path
    contract: Contract
    predict: Callable[[Film], Prediction]
    facts: FileFacts = field(default_factory=FileFacts)


@dataclass(frozen=True)
class Fault:
    """``planted`` says how in one line, ``cause`` how the diagnosis must begin to name it."""

    name: str
    planted: str
    cause: str
    plant: Callable[[Material], Planted]


ZOO: list[Fault] = []


def fault(name: str, planted: str, cause: str) -> Callable[[Callable[[Material], Planted]], None]:
    """Put a function that plants a fault into the zoo."""

    def register(plant: Callable[[Material], Planted]) -> None:
        ZOO.append(Fault(name, planted, cause, plant))

    return register


def planted_file(
    export: Export, graph: bytes, precision: Precision = "fp32", facts: FileFacts | None = None
) -> Planted:
    """A wrong file before a right app; ``graph`` as the converter or the quantizer gives it."""
    contract = export.contract(precision)
    return finished(export, finish(graph, contract), contract, facts)


def finished(export: Export, data: bytes, contract: Contract, facts: FileFacts | None = None) -> Planted:
    """The same of the bytes of a finished file."""
    session = export.session("planted", data)
    return Planted(session.path, contract, lambda film: session.predict(right(film)), facts or FileFacts())


def judged(export: Export, planted: Planted) -> tuple[Verdict, Diagnosis | None]:
    """The real gate on what answers from the file, and its diagnosis, as an export asks for them."""
    reference = export.reference
    answers = answered([planted.predict(film) for film in export.films])
    verdict = judge_answers(reference, reference.answers[0], answers, planted.contract, Limits())
    scale, zero_point = input_quantization(planted.path)
    types = element_types(placement(planted.path)["types"])
    facts = FileFacts(input_scale=scale, input_zero_point=zero_point, op_dtypes=types)
    found = _inquiry(export).diagnosis(
        reference.answers[0], answers, planted.contract, verdict, planted.path, {**facts, **planted.facts}
    )
    return verdict, found


@cache
def _inquiry(export: Export) -> Inquiry:
    shots = [film.shot for film in export.films[:SHOTS]]
    return Inquiry(export.exportable, lambda: export.float_model, lambda: shots)
