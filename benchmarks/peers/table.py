"""The document as a Markdown table with what has to be known to read it."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.peers.document import Document, Goal, Parity, Row
from edgefrac.benchmarking.figures import Difference

FORMS = {"tflite": "TFLite", "onnx": "ONNX", "openvino": "OpenVINO", "executorch": "ExecuTorch", "torch": "torch eager"}
_HEADS = (
    "made by",
    "format",
    "precision",
    "export s",
    "MB",
    "ms (95 %)",
    "cpu ms",
    "× our int8",
    "max \\|Δp\\|",
    "AUROC loss (95 %)",
    "flips",
    "maps",
    "gate",
)


def markdown(document: Document) -> str:
    """The table, the goals, and the conditions under which they were found."""
    lines = [_line(_HEADS), _line(["---"] * len(_HEADS)), *(_line(_cells(row)) for row in document.rows)]
    lines += ["", *(f"- {goal}" for goal in map(_goal, document.goals)), "", *_conditions(document)]
    return "\n".join(lines)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> tuple[str, ...]:
    form = FORMS[row.form]
    if row.evidence_level == "unavailable":
        return (row.maker, form, row.precision, f"unavailable: {row.reason}", *[""] * (len(_HEADS) - 4))
    return (
        f"**{row.maker}**" if row.ours else row.maker,
        form,
        row.precision,
        _number(row.export_seconds, ".1f"),
        "" if row.size_bytes is None else f"{row.size_bytes / 1e6:.1f}",
        f"{_ms(row.median_ms)}{_between(row.median_ci, _ms)}",
        _ms(row.cpu_ms),
        _times(row),
        *(_parity(row.parity) if row.parity else [""] * 5),
    )


def _parity(parity: Parity) -> tuple[str, ...]:
    return (
        "" if parity.max_abs_diff is None else f"{parity.max_abs_diff:.1g}",
        f"{_number(parity.auroc_loss, '+.4f')}{_between(parity.auroc_loss_ci, lambda value: f'{value:+.4f}')}",
        str(parity.flips),
        _number(parity.evidence_correlation, ".3f"),
        parity.gate,
    )


def _times(row: Row) -> str:
    if row.beside is None:
        return "1" if row.precision == "int8" and row.ours else ""
    return f"{_ratio(row.beside)}{'' if row.beside_form == row.form else ' ¹'}"


def _ratio(found: Difference) -> str:
    low, high = found.ratio_ci
    digits = ".1f" if found.ratio >= 10 else ".2f"
    return f"{found.ratio:{digits}} ({low:{digits}}–{high:{digits}})"


def _goal(goal: Goal) -> str:
    outcome = goal.outcome if goal.outcome == "reached" else f"**{goal.outcome}**"
    return f"{outcome}: {goal.what}: {_ratio(goal.found)}"


def _conditions(document: Document) -> Iterator[str]:
    host = document.host
    yield (
        f"{host.cpu}, one thread, {document.input_size} px, {_runs(document)} turns of all rows in one process;"
        f" load {host.load_before} before and {host.load_after} after, waited for a processor"
        f" {0.0 if host.waiting is None else host.waiting:.0%} of the time."
    )
    yield (
        f"Parity on {document.judged} images ({document.judged_positives} fractured) of {document.judged_on};"
        f" peers calibrated on {document.calibrated_on}."
    )
    yield "¹ beside our int8 TFLite file, since there is none of ours in this form."
    if document.bridge is not None:
        yield (
            "ExecuTorch runs in a process of its own, in the same turns, by its own clock; the same torch program took"
            f" {_ratio(document.bridge)} times as long there as here."
        )


def _runs(document: Document) -> int:
    return max((row.runs for row in document.rows), default=0)


def _between(interval: tuple[float, float] | None, shown: object) -> str:
    assert callable(shown)
    return "" if interval is None else f" ({shown(interval[0])}–{shown(interval[1])})"


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _number(value: float | None, digits: str) -> str:
    return "" if value is None else f"{value:{digits}}"
