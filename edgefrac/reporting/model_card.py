"""The model card (Mitchell et al. 2019) in Markdown, from the contract, the figures and the certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgefrac.contract import Contract, Task
from edgefrac.verification.certificate import ArtefactCertificate, Certificate
from edgefrac.verification.statistics import Estimate

_FIGURES = (("auroc", "AUROC"), ("sensitivity", "Sensitivity"), ("specificity", "Specificity"))


def model_card(contract: Contract, metrics: Mapping[str, Any], certificate: Certificate | None = None) -> str:
    """Markdown for people who decide whether to use the model.

    ``metrics`` are the fields that ``edgefrac evaluate --json`` prints: ``n``, ``positives``, ``auroc``, ``auroc_ci``
    and so on, with ``slices`` by region, hardware and the like. Without a certificate the card is of a checkpoint.
    """
    sections = [
        [f"# {contract.name} {contract.version}", f"**{contract.intended_use}**"],
        ["## What it is", *_what(contract)],
        ["## How good it is", *_performance(metrics)],
        *([["## The exported files", *_files(certificate)]] if certificate else []),
        ["## Training data, licence and attribution", *_data(contract)],
        ["## Where it can go wrong", *_limits(metrics)],
    ]
    return "\n\n".join("\n\n".join(section) for section in sections) + "\n"


def _what(contract: Contract) -> list[str]:
    size = contract.input.size
    facts = [
        f"- Architecture: {contract.architecture}",
        f"- Input: one grey radiograph, {size} x {size} px, `{contract.input.preprocess}`",
        f"- Evidence map: {contract.evidence}",
        f"- Checkpoint: SHA-256 `{contract.checkpoint_sha256}`"
        + (f", source commit `{contract.source_commit}`" if contract.source_commit else ""),
    ]
    return ["\n".join(facts + [_task(task) for task in contract.tasks])]


def _task(task: Task) -> str:
    classes = ", ".join(task.classes)
    return (
        f"- Task `{task.name}` ({task.kind}): {classes}; threshold {task.threshold:.4g} "
        f"({task.threshold_rule}), temperature {task.temperature:.4g}"
    )


def _performance(metrics: Mapping[str, Any]) -> list[str]:
    if not metrics:
        return ["Not measured: the network came without a checkpoint that states its figures."]
    header = ["Radiographs", "n", "fractured", *(title for _, title in _FIGURES)]
    rows = [_row("all", metrics), *(_row(name, part) for name, part in metrics.get("slices", {}).items())]
    parts = [
        _table(header, rows),
        "In brackets: 95 % intervals, radiographs of one patient or id block taken together.",
    ]
    if (ece := metrics.get("ece")) is not None:
        parts.append(f"Expected calibration error: {ece:.3f}. Decisions at the threshold {metrics['threshold']:.4g}.")
    parts += [_further(name, part) for name, part in metrics.get("tasks", {}).items()]
    if metrics.get("foreign") is not None:
        parts.append(
            f"Share that looks unlike the training radiographs, and is said to: {_figure(metrics, 'foreign')}."
        )
    if game := metrics.get("pointing_game"):
        tolerance = f"{100 * game['tolerance']:g} %"
        parts.append(
            f"The evidence map's peak lies inside a fracture box in {_figure(game, 'inside')} of {game['n']} "
            f"radiographs, within {tolerance} of the longer side in {_figure(game, 'near')}."
        )
    return parts


def _further(name: str, metrics: Mapping[str, Any]) -> str:
    each = ", ".join(f"{c} {_estimate(Estimate(value=value))}" for c, value in metrics["auroc"].items())
    return (
        f"Task `{name}` on {metrics['n']} radiographs: macro AUROC {_figure(metrics, 'macro_auroc')} ({each}), "
        f"macro F1 {_figure(metrics, 'macro_f1')} over those of one class."
    )


def _row(name: str, metrics: Mapping[str, Any]) -> list[str]:
    counts = (str(metrics.get(key, "-")) for key in ("n", "positives"))
    return [name, *counts, *(_figure(metrics, key) for key, _ in _FIGURES)]


def _figure(metrics: Mapping[str, Any], key: str) -> str:
    """A figure with its interval, a dash where the data cannot define it."""
    interval = metrics.get(f"{key}_ci") or (None, None)
    return _estimate(Estimate(value=metrics.get(key), low=interval[0], high=interval[1]))


def _estimate(estimate: Estimate, digits: int = 3) -> str:
    if estimate.value is None:
        return "-"
    value = f"{estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def _files(certificate: Certificate) -> list[str]:
    header = ["File", "Precision", "Bytes", "Verdict", "AUROC", "Loss of AUROC", "Flips", "Largest difference"]
    data = certificate.data
    left_out = (
        f"; {data.left_out_seen_in_training} seen in training were left out" if data.left_out_seen_in_training else ""
    )
    return [
        _table(header, [_file(artefact) for artefact in certificate.artefacts]),
        f"Compared with the float32 network (AUROC {_estimate(certificate.reference.auroc)}) on {data.n} radiographs "
        f"of {data.name}, {data.positives} of them fractured{left_out}. Differences are of probability.",
        *[
            f"`{artefact.file}`: {'; '.join(artefact.verdict.reasons)}."
            for artefact in certificate.artefacts
            if artefact.verdict.reasons
        ],
    ]


def _file(artefact: ArtefactCertificate) -> list[str]:
    verdict, difference = artefact.verdict, artefact.verdict.max_abs_diff
    return [
        f"`{artefact.file}`",
        verdict.precision,
        str(artefact.bytes),
        verdict.verdict,
        _estimate(artefact.figures.auroc),
        _estimate(verdict.auroc_loss, 4),
        str(len(verdict.flips)),
        "-" if difference is None else f"{difference:.1e}",
    ]


def _data(contract: Contract) -> list[str]:
    data = contract.training_data
    parts = [f"Trained on {', '.join(data.names)}. Licence: {data.licence}.", data.attribution]
    return [*parts, f"Activation ranges of int8 files: {contract.calibration}."] if contract.calibration else parts


def _limits(metrics: Mapping[str, Any]) -> list[str]:
    weak = [
        name
        for name, part in metrics.get("slices", {}).items()
        if part.get("auroc_ci") is None or part["auroc_ci"][0] < 0.75
    ]
    lines = ["- Images unlike those it was trained on (other scanners, body parts, children, CT) were not measured."]
    if weak:
        lines.append(f"- AUROC is unknown or may be below 0.75 for: {', '.join(weak)}.")
    lines.append("- A high probability near plates and screws may come from the metal: see the hardware slice.")
    return ["\n".join(lines)]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
