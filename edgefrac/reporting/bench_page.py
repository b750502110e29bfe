"""The report of ``edgefrac bench``: one HTML file that fetches nothing, or the same in Markdown or JSON."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefrac import durable
from edgefrac.clock import created
from edgefrac.errors import MissingExtraError, UsageError
from edgefrac.reporting.accuracy_sections import (
    accuracy_section,
    checklists_section,
    failures_section,
    prevalence_section,
)
from edgefrac.reporting.bench_markdown import markdown
from edgefrac.reporting.bench_report import BenchReport
from edgefrac.reporting.bench_rows import device_title, file_names
from edgefrac.reporting.bench_sections import (
    changes_section,
    environment_section,
    examples_section,
    latency_section,
    pareto_section,
    parity_section,
    placement_section,
    reproduce_section,
    rows_section,
)
from edgefrac.reporting.bench_verdict import fastest, headline
from edgefrac.reporting.blocks import Drawing, Section, flat
from edgefrac.reporting.numbers import fixed, percent, plural, short
from edgefrac.reporting.pages import render

_SECTIONS = (
    rows_section,
    pareto_section,
    latency_section,
    placement_section,
    parity_section,
    examples_section,
    accuracy_section,
    prevalence_section,
    failures_section,
    environment_section,
    changes_section,
    checklists_section,
    reproduce_section,
)


@dataclass(frozen=True)
class KeyFigure:
    """One of the few figures that stand above all tables."""

    title: str
    value: str
    beside: str


def write_report(report: BenchReport, path: Path) -> None:
    """Write .html, .md or .json, whole or not at all; raises UsageError for another suffix, OutputError."""
    durable.write(path, rendered(report, path).encode("utf-8"))


def check_suffix(path: Path) -> None:
    """Raises UsageError for a name that says none of the report's formats; to ask before anything is measured."""
    if path.suffix.lower() not in (".html", ".md", ".json"):
        raise UsageError(f"{path}: a report is .html, .md or .json", hint="such as --report report.html")


def rendered(report: BenchReport, path: Path) -> str:
    """The report in the format that the name of ``path`` asks for. Raises UsageError."""
    check_suffix(path)
    match path.suffix.lower():
        case ".html":
            return bench_page(report)
        case ".md":
            return bench_markdown(report)
        case _:
            return report.model_dump_json(by_alias=True, indent=1) + "\n"


def bench_page(report: BenchReport) -> str:
    """HTML; where Matplotlib is missing, a line says so in the place of each figure."""
    sections = _sections(report)
    return render(
        "bench.html",
        report=report,
        title=_title(report),
        headline=headline(report.document),
        figures=_key_figures(report),
        sections=sections,
        drawn={block.id: _drawn(block) for s in sections for block in flat(s.blocks) if isinstance(block, Drawing)},
        png=lambda data: base64.b64encode(data).decode("ascii"),
        size=_size,
        created=created(),
    )


def bench_markdown(report: BenchReport) -> str:
    """Markdown, without pictures."""
    return markdown(_title(report), report.contract.intended_use, headline(report.document), _sections(report))


def _title(report: BenchReport) -> str:
    return f"{report.contract.name} {report.contract.version}: benchmark report"


def _sections(report: BenchReport) -> Sequence[Section]:
    return [made(report) for made in _SECTIONS]


def _size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels, which a PNG states first."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def _drawn(block: Drawing) -> str:
    """SVG, or nothing where it cannot be drawn; the page then says what to install."""
    try:
        return block.draw()
    except MissingExtraError:
        return ""


def _key_figures(report: BenchReport) -> list[KeyFigure]:
    """The figures that a reader looks for first, where there are any."""
    document, found = report.document, []
    if best := fastest(document.rows):
        name = file_names(document.rows)[best.path]
        title = "Fastest that passed" if best.parity else "Fastest measured"
        found.append(KeyFigure(title, f"{best.median_ms:.2f} ms", f"{name}, {device_title(best.device)}"))
    if figures := report.figures:
        for title, estimate in (
            ("AUROC", figures.auroc),
            ("Sensitivity", figures.sensitivity),
            ("Specificity", figures.specificity),
        ):
            if estimate.value is not None:
                limits = estimate.interval
                spread = "no interval" if limits is None else "95 %: {} to {}".format(*(fixed(x, 3) for x in limits))
                found.append(KeyFigure(title, fixed(estimate.value, 3), spread))
    verdicts = [row.parity.verdict for row in document.rows if row.parity]
    differences = [v.max_abs_diff for v in verdicts if v.max_abs_diff is not None]
    if differences:
        flips = max(len(v.flips) for v in verdicts)
        found.append(
            KeyFigure(
                "Largest Δp",
                short(max(differences)),
                f"at most {plural(flips, 'decision')} changed" if flips else "no decision changed",
            )
        )
    if document.data:
        share = percent(document.data.positives / document.data.n) if document.data.n else "none"
        found.append(KeyFigure("Radiographs", str(document.data.n), f"{share} fractured, {document.data.name}"))
    return found
