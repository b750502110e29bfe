"""The report's chapters on files and devices, from the document of ``edgefrac bench``."""

from __future__ import annotations

from functools import partial

from edgefrac.benchmarking.document import Row
from edgefrac.reporting.bench_report import BenchReport
from edgefrac.reporting.bench_rows import by_device, device_title, file_names, runtime_title, without_threads
from edgefrac.reporting.bench_tables import (
    changes_table,
    compiled_table,
    criteria_tables,
    environment_table,
    parity_table,
    placement_table,
    resources_table,
    speed_table,
    stages_table,
)
from edgefrac.reporting.blocks import Block, Cell, Code, Drawing, Line, Notes, Photos, Section, Text, columns, table
from edgefrac.reporting.numbers import listed
from edgefrac.reporting.speed_figures import (
    against_latency,
    against_size,
    draw_latencies,
    draw_pareto,
    draw_stages,
    front,
)

_LEVELS = (
    ("measured", "it ran on the real thing"),
    ("emulated", "the answers are the device's, the speed means nothing"),
    ("predicted", "a vendor's compiler says so"),
    ("unavailable", "not run here, with the reason"),
)


def rows_section(report: BenchReport) -> Section:
    """Every row, by device."""
    rows = report.document.rows
    names = file_names(rows)
    levels: list[Line] = [[Cell(level, badge=level), meaning] for level, meaning in _LEVELS]
    blocks: list[Block] = [speed_table(device, here, names) for device, here in by_device(rows).items()]
    blocks += filter(None, (resources_table(rows, names), compiled_table(rows, names)))
    blocks.append(table("What the evidence levels mean", columns("Level", "Meaning"), levels, Notes()))
    return Section("rows", "All files on all devices", tuple(blocks))


def pareto_section(report: BenchReport) -> Section:
    """Accuracy against latency, and against size."""
    rows = report.document.rows
    names = file_names(rows)
    blocks: list[Block] = []
    for points, abscissa, name, what in (
        (against_latency(rows), "median latency, ms a radiograph", "latency", "latency"),
        (against_size(rows), "size, MB", "size", "size"),
    ):
        if not points:
            blocks.append(Text(f"No figure against {what}: no row has both an AUROC with its interval and a {what}."))
            continue
        best = ", ".join(f"{names[p.row.path]} ({p.auroc:.3f}, {p.x:.2f})" for p in front(points)) or "none passed"
        blocks.append(
            Drawing(
                f"auroc-{name}",
                f"AUROC against {what}. Hollow: not measured. The line joins files that passed the gate and that no "
                "other beats in both ways. All AUROCs are of the same radiographs: their differences are far surer "
                "than the bars, see Parity.",
                f"AUROC against {what} for {len(points)} rows. Best in both ways: {best}.",
                partial(draw_pareto, points, names, abscissa, f"auroc-{name}"),
            )
        )
    return Section("pareto", "Accuracy against latency and size", tuple(blocks))


def latency_section(report: BenchReport) -> Section:
    """How latency spreads; the path from file to overlay; where the time goes in the layers."""
    rows = report.document.rows
    names = file_names(rows)
    spread = [row for row in rows if len(row.percentiles_ms) == 21]
    blocks: list[Block] = []
    if spread:
        medians = ", ".join(f"{names[row.path]} {row.percentiles_ms[10]:.2f}" for row in spread)
        blocks.append(
            Drawing(
                "latencies",
                "Line: all runs. Bar: 90 % of them. Dark: half of them. Gap: the median. No run is left out.",
                f"Latency distributions; medians in ms: {medians}.",
                partial(draw_latencies, spread, names),
            )
        )
    else:
        blocks.append(Text("No distributions: no row of the document states its percentiles."))
    if whole := report.document.end_to_end:
        ratio = whole.over_bare
        blocks += [
            Text(
                f"From {whole.image} to decision and overlay with {names.get(whole.path, whole.path)} "
                f"({whole.runtime}): {ratio.ratio:.2f} times decoding and the bare run "
                f"(95 % interval {ratio.ratio_ci[0]:.2f} to {ratio.ratio_ci[1]:.2f}). A large picture with legend and "
                f"caption takes {whole.picture_ms:.1f} ms instead of the overlay."
            ),
            Drawing(
                "stages",
                "From file to overlay: the steps one after the other, and the whole measured as one.",
                "; ".join(f"{stage.name} {stage.median_ms:.2f} ms" for stage in whole.stages),
                partial(draw_stages, whole),
            ),
            stages_table(whole),
        ]
    else:
        blocks.append(Text("From file to overlay: not measured for this report."))
    if report.roofline:
        blocks.append(Photos(((report.roofline.png, report.roofline.caption),)))
    return Section("latency", "Latency", tuple(blocks))


def placement_section(report: BenchReport) -> Section:
    """Where operators run."""
    rows = [row for row in report.document.rows if row.evidence_level != "unavailable"]
    names = file_names(report.document.rows)
    blocks: tuple[Block, ...] = (
        (placement_table(rows, names),) if rows else (Text("Nothing ran, so nothing was placed."),)
    )
    return Section("placement", "Placement of operators", blocks)


def parity_section(report: BenchReport) -> Section:
    """Answers beside the float32 reference, and the gate's criteria."""
    rows = report.document.rows
    names = file_names(rows)
    judged = [row for row in rows if row.parity]
    if not judged:
        return Section(
            "parity",
            "Parity with the float32 reference",
            (Text("Not judged: no labelled radiographs were run through the files for this report."),),
        )
    data = report.document.data
    seen = (
        f"On {data.n} radiographs of {data.name} ({data.positives} fractured, SHA-256 {data.sha256[:12]}), "
        f"{data.left_out_seen_in_training} left out because the network was trained on them."
        if data
        else "The document does not say on which radiographs."
    )
    blocks: tuple[Block, ...] = (
        Text(seen),
        parity_table(rows, names),
        *_reasons(judged, names),
        *criteria_tables(rows, names),
    )
    return Section("parity", "Parity with the float32 reference", blocks)


def _reasons(judged: list[Row], names: dict[str, str]) -> list[Text]:
    """Why rows did not pass; those of the same reasons together."""
    groups: dict[str, list[str]] = {}
    for row in without_threads(judged):
        if row.parity and (reasons := row.parity.verdict.reasons):
            where = f"{names[row.path]} on {device_title(row.device)} ({runtime_title(row)})"
            groups.setdefault("; ".join(reasons), []).append(where)
    return [Text(f"{listed(rows)}: {reasons}.") for reasons, rows in groups.items()]


def examples_section(report: BenchReport) -> Section:
    """Evidence maps on phantoms."""
    if not report.examples:
        return Section("maps", "Evidence maps", (Text("No examples were drawn for this report."),))
    notice = Text("Phantoms: synthetic radiographs, not clinical. Nothing of a patient is in this report.")
    pictures = Photos(tuple((picture.png, picture.caption) for picture in report.examples))
    return Section("maps", "Evidence maps", (notice, pictures))


def environment_section(report: BenchReport) -> Section:
    """The machine, and what made the files."""
    document = report.document
    blocks: list[Block] = [environment_table(document)]
    if document.host.waiting is not None and document.host.waiting > 0.05:
        blocks.append(Text("The machine was busy: compare ratios, not milliseconds."))
    if made := report.certificate:
        where = made.environment
        versions = ", ".join(f"{name} {number}" for name, number in where.packages.items())
        blocks.append(Text(f"The files were made and judged on {where.cpu}, Python {where.python}: {versions}."))
    return Section("environment", "Environment", tuple(blocks))


def changes_section(report: BenchReport) -> Section:
    """Against an earlier document."""
    document = report.document
    blocks: tuple[Block, ...] = (
        (changes_table(document.changes, file_names(document.rows)),)
        if document.changes
        else (Text("Not compared with an earlier document."),)
    )
    return Section("changes", "Changes", blocks)


def reproduce_section(report: BenchReport) -> Section:
    """How to make the report again, and of which files."""
    names = file_names(report.document.rows)
    files = {row.path: row for row in report.document.rows}
    rows = [[names[path], row.precision, row.sha256] for path, row in files.items()]
    return Section(
        "reproduce",
        "How to reproduce",
        (Code(report.command), table("The files", columns("File", "Precision", "SHA-256"), rows, Notes())),
    )
