"""The report's chapters on diagnostic accuracy, of the one file whose answers it holds, and the guidelines' items."""

from __future__ import annotations

from edgefrac.reporting.accuracy_figures import draw_calibration, draw_roc
from edgefrac.reporting.answer_tables import calibration, calibration_table, crosstab, failures_table, wrong_calls
from edgefrac.reporting.bench_report import BenchReport
from edgefrac.reporting.bench_rows import device_title
from edgefrac.reporting.blocks import Drawing, Pair, Section, Text
from edgefrac.reporting.checklist_facts import facts
from edgefrac.reporting.checklists import CLAIM, STARD, checklist
from edgefrac.reporting.numbers import estimate, percent
from edgefrac.reporting.predictive_values import prevalence_table, slider
from edgefrac.verification.figures import Figures

_NONE = "Not available: no labelled radiographs were run for this report."


def accuracy_section(report: BenchReport) -> Section:
    """ROC, the four outcomes and calibration."""
    answers, found = report.answers, report.figures
    if answers is None or found is None:
        return Section("accuracy", "Diagnostic accuracy", (Text(_NONE),))
    bins = calibration(answers)
    roc = (
        Drawing(
            "roc",
            "ROC curve; the cross is the frozen threshold with its 95 % intervals.",
            f"ROC curve of {answers.file}; AUROC {estimate(found.auroc, 3)}.",
            lambda: draw_roc(answers, found),
        )
        if 0 < found.positives < found.n
        else Text("No ROC curve: the radiographs are of one class only.")
    )
    curve = Drawing(
        "calibration",
        "Calibration: radiographs in bins of equal number, by probability. "
        f"{percent(found.positives / found.n)} of them are fractured; where fractures are rarer, "
        "the same file's curve lies lower.",
        f"Calibration curve of {answers.file}; calibration error {estimate(found.ece, 3)}.",
        lambda: draw_calibration(bins, found),
    )
    return Section(
        "accuracy",
        "Diagnostic accuracy",
        (
            Text(f"Of {answers.file} in {answers.runtime} on {device_title(answers.device)}. {_said(found)}"),
            Pair((roc, curve)),
            Pair((crosstab(answers, report.threshold), calibration_table(bins))),
        ),
    )


def _said(found: Figures) -> str:
    named = (
        ("AUROC", found.auroc),
        ("sensitivity", found.sensitivity),
        ("specificity", found.specificity),
        ("calibration error", found.ece),
        ("Brier score", found.brier),
    )
    parts = [f"{name} {estimate(e, 3) or 'undefined on these radiographs'}" for name, e in named]
    return (
        f"{found.n} radiographs, {found.positives} fractured, in {found.groups} groups (patients or blocks of ids); "
        f"{', '.join(parts)}. In brackets: 95 % intervals."
    )


def prevalence_section(report: BenchReport) -> Section:
    """Predictive values at any prevalence."""
    title = "Predictive values by prevalence"
    ratios = slider(report.figures) if report.figures else None
    if ratios is None:
        return Section("prevalence", title, (Text("One class is missing." if report.figures else _NONE),))
    text = Text(
        f"Among these radiographs {percent(ratios.start)} are fractured. Where fractures are rarer, fewer of the "
        "calls are right: choose the prevalence where the files would be used. That sensitivity and specificity are "
        "the same there is an assumption."
    )
    return Section("prevalence", title, (text, ratios, prevalence_table(ratios)))


def failures_section(report: BenchReport) -> Section:
    """Wrong calls by the hash of the raster: never a name, a path or a pixel."""
    if (answers := report.answers) is None:
        return Section("failures", "Failure cases", (Text(_NONE),))
    said = Text(
        f"Wrong calls of {answers.file} at the threshold {report.threshold:.4g}, the furthest from it first. "
        "Radiographs are known by the SHA-256 of their raster."
    )
    missed, alarms = (wrong_calls(answers, report.threshold, label) for label in (1, 0))
    left = failures_table("Missed fractures", missed, report.threshold) if missed else Text("No fracture was missed.")
    right = failures_table("False alarms", alarms, report.threshold) if alarms else Text("There was no false alarm.")
    return Section("failures", "Failure cases", (said, Pair((left, right))))


def checklists_section(report: BenchReport) -> Section:
    """CLAIM and STARD."""
    known = facts(report)
    return Section(
        "checklists",
        "CLAIM and STARD",
        (
            Text(
                "What this report says to each item. It is a report of files, not of a study with patients: what only "
                "such a study can answer is not available."
            ),
            checklist("CLAIM, 2024 update", CLAIM, known),
            checklist("STARD 2015", STARD, known),
        ),
    )
