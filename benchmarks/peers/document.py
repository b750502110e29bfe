"""The document of ``python -m benchmarks.peers --out``: a row for each entrant, and which goals were reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benchmarks.peers.entrants import Entrant
from edgefrac.benchmarking.figures import SMALLEST, Difference, difference, latency
from edgefrac.benchmarking.host import Host
from edgefrac.benchmarking.stopwatch import Turns
from edgefrac.verification.verdict import Outcome

TIMES_FASTER = {"vgg16": 30.0, "resnet50": 10.0}
"""How many times as long the networks of the published classifiers must take, in torch on one thread."""
_YARDSTICK = "tflite"  # what has no format of ours stands beside our int8 file of this one


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Parity(_Strict):
    """A file against the float32 torch network on the same radiographs; ``gate`` is EdgeFrac's verdict on it."""

    max_abs_diff: float | None
    auroc_loss: float | None
    auroc_loss_ci: tuple[float, float] | None
    flips: int
    evidence_correlation: float | None
    gate: Outcome


class Row(_Strict):
    """One entrant; ``beside`` is its time as a multiple of that of ``beside_form``'s int8 file of EdgeFrac."""

    maker: str
    form: str
    precision: str
    ours: bool
    evidence_level: Literal["measured", "unavailable"]
    reason: str = ""
    export_seconds: float | None = None
    size_bytes: int | None = None
    median_ms: float | None = None
    median_ci: tuple[float, float] | None = None
    cpu_ms: float | None = None
    runs: int = 0
    beside: Difference | None = None
    beside_form: str = ""
    parity: Parity | None = None


class Goal(_Strict):
    """What was to be reached: another's time, ``found`` times that of our file, was to be at least ``wanted`` times it.

    Undecided where the interval of a busy machine or a short run allows both.
    """

    what: str
    wanted: float
    found: Difference
    outcome: Literal["reached", "not reached", "undecided"]


class Document(_Strict):
    """All rows of one run. ``bridge`` is what the same torch program takes in ExecuTorch's process beside this one."""

    rows: tuple[Row, ...]
    goals: tuple[Goal, ...]
    bridge: Difference | None
    input_size: int
    checkpoint_sha256: str
    judged_on: str
    judged: int
    judged_positives: int
    data_sha256: str
    calibrated_on: str
    host: Host


def rows_of(
    entrants: Sequence[Entrant], turns: Turns, parities: Mapping[int, Parity], places: Mapping[int, int]
) -> tuple[Row, ...]:
    """A row for each entrant; ``places`` are the subjects in ``turns`` of those that were timed, by their number."""
    rows = []
    for number, entrant in enumerate(entrants):
        row = Row(
            maker=entrant.maker,
            form=entrant.form,
            precision=entrant.precision,
            ours=entrant.ours,
            evidence_level="unavailable" if entrant.open is None else "measured",
            reason=entrant.reason,
            export_seconds=entrant.export_seconds,
            size_bytes=entrant.size_bytes,
            parity=parities.get(number),
        )
        if number in places:
            row = row.model_copy(update=_speed(entrants, number, turns, places))
        rows.append(row)
    return tuple(rows)


def _speed(entrants: Sequence[Entrant], number: int, turns: Turns, places: Mapping[int, int]) -> dict[str, object]:
    found = latency(turns, places[number])
    interval = found.median.interval
    beside = _our_file(entrants, entrants[number].form, "int8", places)
    if beside is None:
        beside = _our_file(entrants, _YARDSTICK, "int8", places)
    speed: dict[str, object] = {
        "median_ms": found.median.value,
        "median_ci": None if interval is None else (interval[0], interval[1]),
        "cpu_ms": found.cpu,
        "runs": found.runs,
    }
    if beside is not None and beside != number:
        speed["beside"] = difference(turns, places[number], places[beside])
        speed["beside_form"] = entrants[beside].form
    return speed


def goals_of(entrants: Sequence[Entrant], turns: Turns, places: Mapping[int, int]) -> tuple[Goal, ...]:
    """The figures that the project wants to reach, as far as what they compare was timed.

    A network must take so many times as long with its whole interval. A peer's file must not be faster than ours of the
    same format and precision by as much as counts as a difference.
    """
    goals = []
    for number, entrant in enumerate(entrants):
        if number not in places or entrant.ours:
            continue
        if entrant.maker in TIMES_FASTER:
            beside, wanted = _our_file(entrants, _YARDSTICK, "int8", places), TIMES_FASTER[entrant.maker]
            what = f"{entrant.maker} in torch takes {wanted:g} times as long as our int8 TFLite file"
        else:
            beside, wanted = _our_file(entrants, entrant.form, entrant.precision, places), 1.0
            what = f"our {entrant.precision} {entrant.form} file is not slower than that of {entrant.maker}"
        if beside is None:
            continue
        found = difference(turns, places[number], places[beside])
        goals.append(Goal(what=what, wanted=wanted, found=found, outcome=_outcome(found, wanted)))
    return tuple(goals)


def _outcome(found: Difference, wanted: float) -> Literal["reached", "not reached", "undecided"]:
    low, high = found.ratio_ci
    if low >= (wanted if wanted > 1 else 1 - SMALLEST):
        return "reached"
    return "not reached" if high < wanted and (wanted > 1 or found.verdict == "faster") else "undecided"


def _our_file(entrants: Sequence[Entrant], form: str, precision: str, places: Mapping[int, int]) -> int | None:
    """The number of our timed file of a format and precision."""
    wanted = (True, form, precision)
    return next((n for n, e in enumerate(entrants) if (e.ours, e.form, e.precision) == wanted and n in places), None)
