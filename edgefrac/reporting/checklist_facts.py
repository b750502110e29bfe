"""What a report knows of that reporting guidelines ask for; a fact that it does not know is not there."""

from __future__ import annotations

from edgefrac.reporting.bench_report import BenchReport
from edgefrac.reporting.bench_rows import by_device, device_title
from edgefrac.reporting.bench_verdict import headline
from edgefrac.reporting.numbers import estimate, listed, plural
from edgefrac.verification.certificate import Data
from edgefrac.verification.figures import Figures


def facts(report: BenchReport) -> dict[str, str]:
    """By the keys that ``checklists.Item.fact`` names."""
    found = {**_of_model(report), **_of_rows(report)}
    if data := report.document.data or (report.certificate.data if report.certificate else None):
        found |= _of_data(data, report)
    if report.answers and report.figures:
        found |= _of_answers(report.figures, report.answers.file)
    return found


def _of_model(report: BenchReport) -> dict[str, str]:
    contract, task = report.contract, report.contract.task()
    side = contract.input.size
    shown = f"; {contract.evidence}" if contract.has_evidence else ""
    known = {
        "technology": f"deep learning: {contract.architecture}, a convolutional network",
        "intended_use": contract.intended_use,
        "model": f"{contract.name} {contract.version}: {contract.architecture}, input {side} × {side} grey pixels, "
        f"checkpoint {contract.checkpoint_sha256[:12]}"
        + (f", source commit {contract.source_commit[:12]}" if contract.source_commit else ""),
        "preprocessing": f"{contract.input.preprocess}, in integers, the same on every device",
        "threshold": f"{task.threshold:.4g}, frozen in the contract: {task.threshold_rule}",
        "blinding": "the files see pixels only, no clinical information and no label",
        "limitations": "what the evidence levels say: emulated and predicted figures are not those of a device; "
        "one data set, by files, not by readers",
        "reproduce": report.command,
        "availability": f"software under Apache-2.0; the model files are named by SHA-256; training data: "
        f"{listed(list(contract.training_data.names))}, {contract.training_data.licence}",
    }
    if contract.has_evidence:
        known["explanation"] = (
            f"evidence map{shown}; examples on phantoms" if report.examples else f"evidence map{shown}"
        )
    return known


def _of_rows(report: BenchReport) -> dict[str, str]:
    rows, host = report.document.rows, report.document.host
    versions = ", ".join(f"{name} {number}" for name, number in host.versions.items())
    known = {
        "summary": headline(report.document).sentence,
        "aims": "whether exported files answer as the trained network does, and how fast, on "
        + listed([device_title(device) for device in by_device(rows)]),
        "packages": f"Python {host.python}, {versions}" if versions else f"Python {host.python}",
    }
    judged = [row for row in rows if row.parity]
    if judged:
        known["robustness"] = "the same radiographs through every file, runtime and device: section Parity"
        known["measures"] = "AUROC, sensitivity, specificity, calibration error, decisions changed, map correlation"
        known["uncertainty"] = (
            "95 % intervals: DeLong and cluster bootstrap (AUROC), Wilson by groups (shares), paired where compared"
        )
    return known


def _of_data(data: Data, report: BenchReport) -> dict[str, str]:
    limits = report.certificate.limits if report.certificate else None
    known = {
        "data": f"{data.name}, SHA-256 {data.sha256[:12]}",
        "labels": f"as published with {data.name}",
        "identity": "no file name, pixel or other trace of a patient is in this report; radiographs are hashes",
        "exclusion": f"radiographs seen in training are left out: {data.left_out_seen_in_training}",
        "missing": f"{plural(data.unreadable, 'unreadable image')} left out",
        "flow": f"{data.n} used ({data.positives} fractured), {data.left_out_seen_in_training} left out as seen in "
        f"training, {data.unreadable} unreadable",
    }
    where = f"{data.n} radiographs of {data.name}"
    if data.name in report.contract.training_data.names:
        known["internal"] = where
        known["disjoint"] = "by raster hash: no radiograph that the network was trained on"
    else:
        known["external"] = where
    if limits:
        known["sample_size"] = (
            f"the gate asks for {limits.min_positives} positives, {limits.min_negatives} negatives "
            f"in {limits.min_groups} groups; else it is undecided"
        )
    return known


def _of_answers(found: Figures, file: str) -> dict[str, str]:
    shares = {"sensitivity": found.sensitivity, "specificity": found.specificity}
    said = ", ".join(f"{name} {text}" for name, e in shares.items() if (text := estimate(e, 3)))
    known = {
        "crosstab": "section Diagnostic accuracy",
        "failures": "section Failure cases: wrong calls by hash, all of them in the JSON report",
        "indeterminate": "there are none: each radiograph gets one of two answers",
        "measures": "AUROC, sensitivity, specificity, predictive values, calibration error",
    }
    if said:
        known["diagnostic"] = f"{said} ({file})"
    if auroc := estimate(found.auroc, 3):
        known["performance"] = f"AUROC {auroc}, calibration error {estimate(found.ece, 3)} ({file})"
    return known
