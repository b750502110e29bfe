"""The tables of speed, placement and parity; a figure that is missing says why."""

from __future__ import annotations

from collections.abc import Sequence

from edgefrac.benchmarking.document import Change, Document, EndToEnd, Row
from edgefrac.benchmarking.figures import Difference
from edgefrac.benchmarking.host import Host
from edgefrac.reporting.bench_rows import device_title, runtime_title, without_threads
from edgefrac.reporting.blocks import Cell, Column, Line, Notes, Table, columns, table
from edgefrac.reporting.numbers import estimate, fixed, percent, scientific, short, with_interval
from edgefrac.verification.statistics import Estimate
from edgefrac.verification.verdict import Verdict

Names = dict[str, str]
_SPEED = columns(
    "File",
    "Runtime",
    "#Threads",
    "Evidence",
    "#Median, ms (95 % interval)",
    "#p90, ms",
    "#p99, ms",
    "#Ratio to the first row",
    "#Size, MB",
    "#AUROC (95 % interval)",
    "Gate",
)
_SILENT = columns("File", "Runtime", "#Threads", "Evidence", "Reason")
_RUNNING = ("#Runs", "#CPU time, ms", "#Peak memory, MB", "#Energy, mJ", "#Load, ms", "#Cold start, ms")
_CRITERIA = {
    "finite": "Not finite",
    "reference_auroc": "AUROC of the reference",
    "images": "Radiographs",
    "auroc_loss": "Loss of AUROC",
    "sensitivity_loss": "Loss of sensitivity",
    "specificity_loss": "Loss of specificity",
    "flips": "Decisions changed",
    "ece_rise": "Rise of calibration error",
    "evidence_correlation": "Correlation of maps",
    "stray_floats": "Operators in float",
    "probability_difference": "Largest Δp",
    "evidence_difference": "Largest change of evidence",
}


def speed_table(device: str, rows: Sequence[Row], names: Names) -> Table:
    """All rows of one device. Those that are unavailable for the same reason share a line."""
    notes = Notes()
    made = [_speed(row, names[row.path], notes) for row in rows if row.evidence_level != "unavailable"]
    heads = _SPEED if made else _SILENT
    silent: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.evidence_level == "unavailable":
            silent.setdefault((row.runtime, row.reason), []).append(row)
    over = len(heads) - len(_SILENT) + 1
    made += [_unavailable(reason, group, names, over) for (_, reason), group in silent.items()]
    return table(device_title(device), heads, made, notes)


def _speed(row: Row, name: str, notes: Notes) -> Line:
    why = _why_untimed(row)
    spread = row.reason or ("a compiler gives no spread" if row.evidence_level == "predicted" else why)
    median = None if row.median_ms is None else with_interval(row.median_ms, row.median_ci, 2)
    beside = None if row.beside_first is None else with_interval(row.beside_first.ratio, row.beside_first.ratio_ci, 3)
    unjudged = "not held against the reference: no labelled radiographs ran through it"
    return [
        name,
        runtime_title(row),
        str(row.threads),
        Cell(row.evidence_level, badge=row.evidence_level),
        notes.given(median, why),
        notes.given(_fixed(row.p90_ms, 2), spread),
        notes.given(_fixed(row.p99_ms, 2), spread),
        notes.given(beside, _why_not_compared(row)),
        notes.given(fixed(row.bytes / 1e6, 2) if row.bytes else None, "the document does not state the size"),
        notes.given(estimate(row.parity.figures.auroc, 3) if row.parity else None, unjudged),
        outcome_cell(row.parity.verdict) if row.parity else notes.missing(unjudged),
    ]


def _why_untimed(row: Row) -> str:
    """Why a row that ran has no figures of speed."""
    if row.reason:
        return row.reason
    if row.evidence_level == "emulated":
        return "emulated: the answers are the device's, the time is not"
    return "not recorded in the document"


def _why_not_compared(row: Row) -> str:
    if row.median_ms is None:
        return _why_untimed(row)
    if row.evidence_level != "measured":
        return "only what is measured here is compared"
    return "the first row, which the others are compared with"


def _unavailable(reason: str, group: list[Row], names: Names, over: int) -> Line:
    files = ", ".join(dict.fromkeys(names[row.path] for row in group))
    threads = ", ".join(str(count) for count in sorted({row.threads for row in group}))
    runtime = group[0].runtime or "any"
    return [files, runtime, threads, _LEVEL, Cell(reason or "the document gives no reason", span=over)]


_LEVEL = Cell("unavailable", badge="unavailable")


def resources_table(rows: Sequence[Row], names: Names) -> Table | None:
    """Memory, energy and start of what was measured, None where nothing was.

    A column that no row fills is a footnote instead.
    """
    notes = Notes()
    ran = [row for row in rows if row.evidence_level == "measured"]
    figures = [_resources(row) for row in ran]
    kept = [k for k in range(len(_RUNNING)) if any(cells[k] is not None for cells in figures)]
    made: list[Line] = []
    for row, cells in zip(ran, figures, strict=True):
        given = [notes.given(cells[k], row.reason or "not measured in this runtime") for k in kept]
        made.append([names[row.path], _where(row), str(row.threads), *given])
    heads = columns("File", "Device, runtime", "#Threads", *(_RUNNING[k] for k in kept))
    if empty := [head.removeprefix("#") for k, head in enumerate(_RUNNING) if k not in kept]:
        notes.texts.append(f"not available for any row: {'; '.join(empty)}")
    if len(ran) < len(rows):
        notes.texts.append("rows that are not measured are left out: their memory and start are not a device's")
    return table("Memory, energy and start", heads, made, notes) if kept else None


def _resources(row: Row) -> list[str | None]:
    return [
        str(row.runs) if row.runs else None,
        _fixed(row.cpu_ms, 2),
        _fixed(row.peak_rss_mb, 1),
        _fixed(row.energy_mj, 1),
        _fixed(row.load_ms, 0),
        _fixed(row.cold_start_ms, 0),
    ]


def compiled_table(rows: Sequence[Row], names: Names) -> Table | None:
    """What compilers say of cycles and memory, None where none says anything."""
    notes = Notes()
    heads = columns("File", "Device, runtime", "Evidence", "#Cycles", "#SRAM at the peak, kB")
    made: list[Line] = [
        [
            names[row.path],
            _where(row),
            Cell(row.evidence_level, badge=row.evidence_level),
            notes.given(_fixed(row.cycles, 0), "the compiler does not say"),
            notes.given(_fixed(row.sram_kb, 0), "the compiler does not say"),
        ]
        for row in rows
        if row.cycles is not None or row.sram_kb is not None
    ]
    return table("What the device's compiler says", heads, made, notes) if made else None


def placement_table(rows: Sequence[Row], names: Names) -> Table:
    """Where each operator runs."""
    notes = Notes()
    heads = columns("File", "Device, runtime", "#On the device", "#Elsewhere", "Operators by kind")
    made: list[Line] = []
    for row in without_threads(row for row in rows if row.evidence_level != "unavailable"):
        known = bool(row.operators or row.elsewhere)
        uncounted = "operators were not counted for this runtime"
        inside, outside = sum(row.operators.values()), sum(row.elsewhere.values())
        made.append(
            [
                names[row.path],
                _where(row),
                notes.given(str(inside) if known else None, uncounted),
                notes.given(str(outside) if known else None, uncounted),
                Cell(_kinds(row)) if known or row.placement else notes.missing(uncounted),
            ]
        )
    return table("Placement of operators", heads, made, notes)


def _kinds(row: Row) -> str:
    inside = ", ".join(f"{kind} {count}" for kind, count in row.operators.items())
    outside = ", ".join(f"{kind} {count}" for kind, count in row.elsewhere.items())
    said = [part for part in row.placement.split("; ") if not _repeats(part, row)]
    return "; ".join(filter(None, (inside, outside and f"elsewhere: {outside}", *said)))


def _repeats(part: str, row: Row) -> bool:
    """Whether a part of ``placement`` says only what the counts say."""
    kinds = (*row.operators, *row.elsewhere)
    return bool(kinds) and (part.endswith("operators on the device") or any(f"{kind} " in part for kind in kinds))


def parity_table(rows: Sequence[Row], names: Names) -> Table:
    """What each file answers beside the float32 reference."""
    notes = Notes()
    heads = columns(
        "File",
        "Device, runtime",
        "Answers",
        "#Largest Δp",
        "#Δp from the CPU's",
        "#AUROC loss (95 % interval)",
        "#Decisions changed",
        "#Map correlation",
        "Gate",
    )
    made: list[Line] = []
    for row in without_threads(rows):
        if (parity := row.parity) is None:
            continue
        verdict = parity.verdict
        difference = None if verdict.max_abs_diff is None else scientific(verdict.max_abs_diff)
        beside_cpu = None if parity.max_abs_diff_cpu is None else scientific(parity.max_abs_diff_cpu)
        same = "these are the CPU's answers" if row.device == "cpu" else "not recorded in the document"
        made.append(
            [
                names[row.path],
                _where(row),
                Cell(parity.evidence_level, badge=parity.evidence_level),
                notes.given(difference, "an answer that is not a number has no difference"),
                notes.given(beside_cpu, same),
                notes.given(estimate(verdict.auroc_loss, 4), "too few radiographs of either class"),
                f"{len(verdict.flips)} of {parity.figures.n}",
                notes.given(_correlation(verdict), "correlation of maps is asked of int8 files with a map"),
                outcome_cell(verdict),
            ]
        )
    return table("Answers beside the float32 reference", heads, made, notes)


def _correlation(verdict: Verdict) -> str | None:
    found = next((c.estimate for c in verdict.criteria if c.name == "evidence_correlation"), None)
    return estimate(found, 3) if found else None


def criteria_tables(rows: Sequence[Row], names: Names) -> list[Table]:
    """The gate's verdict by criterion; one table for the files that were asked the same, down to the limits."""
    groups: dict[tuple[tuple[str, str], ...], list[Row]] = {}
    for row in without_threads(rows):
        if row.parity:
            asked = tuple((c.name, short(c.limit)) for c in row.parity.verdict.criteria)
            groups.setdefault(asked, []).append(row)
    return [_criteria_table(asked, group, names) for asked, group in groups.items()]


def _criteria_table(asked: tuple[tuple[str, str], ...], group: list[Row], names: Names) -> Table:
    heads = (
        *columns("File", "Device, runtime"),
        *(Column(f"{_CRITERIA.get(name, name.replace('_', ' '))} (limit {limit})") for name, limit in asked),
    )
    made: list[Line] = []
    for row in group:
        if row.parity:
            cells = [Cell(_found(c.estimate), c.outcome) for c in row.parity.verdict.criteria]
            made.append([names[row.path], _where(row), *cells])
    precisions = sorted({row.precision for row in group})
    return table(f"The gate's criteria for {', '.join(precisions)} (in brackets: 95 % interval)", heads, made, Notes())


def _found(found: Estimate) -> str:
    """The value, and on a second line its interval."""
    if found.value is None:
        return "undefined"
    limits = "" if found.interval is None else "\n({} to {})".format(*map(short, found.interval))
    return short(found.value) + limits.replace(" ", "\N{NO-BREAK SPACE}")


def outcome_cell(verdict: Verdict) -> Cell:
    """Passed, failed or undecided."""
    return Cell(verdict.verdict, badge=verdict.verdict)


def stages_table(whole: EndToEnd) -> Table:
    """The steps from a file to its overlay."""
    heads = columns("Step", "#Median, ms (95 % interval)", "#Share of the sum")
    together = sum(stage.median_ms for stage in whole.stages)
    made: list[Line] = [
        [stage.name, with_interval(stage.median_ms, stage.median_ci, 2), percent(stage.share)] for stage in whole.stages
    ]
    made.append(["sum of the steps", fixed(together, 2), percent(1.0)])
    share = percent(whole.whole_ms / together)
    made.append(["the whole, measured as one", with_interval(whole.whole_ms, whole.whole_ci, 2), share])
    return table("From file to overlay", heads, made, Notes())


def changes_table(changes: Sequence[Change], names: Names) -> Table:
    """Each row beside the same file's row of an earlier document."""
    heads = columns("File", "Device, runtime", "#Threads", "#Then, ms", "#Now, ms", "#Ratio (95 % interval)", "Shown")
    made: list[Line] = [
        [
            names.get(change.path, change.path),
            ", ".join(filter(None, (device_title(change.device), change.runtime))),
            str(change.threads),
            fixed(change.then_ms, 2),
            fixed(change.now_ms, 2),
            _ratio(change.difference),
            change.difference.verdict,
        ]
        for change in changes
    ]
    return table("Against the earlier document", heads, made, Notes())


def _ratio(found: Difference) -> str:
    return with_interval(found.ratio, found.ratio_ci, 3)


def environment_table(document: Document) -> Table:
    """The machine, and how busy it was."""
    untold = "not told by the system"
    host: Host = document.host
    facts = {
        "Processor": host.cpu,
        "Architecture": f"{host.machine}, kernel {host.kernel}",
        "Processors": str(host.cores),
        "Instruction sets": ", ".join(host.flags) or untold,
        "Frequency governor": host.governor or untold,
        "Frequency": f"{host.frequency_mhz:.0f} MHz" if host.frequency_mhz else untold,
        "Load before": untold if host.load_before is None else f"{host.load_before:.2f}",
        "Load after": untold if host.load_after is None else f"{host.load_after:.2f}",
        "Stopwatch waited": untold if host.waiting is None else f"{percent(host.waiting)} of its time for a processor",
        "Energy": host.energy or untold,
        "Python": host.python,
        **host.versions,
    }
    return table("The machine", columns("What", "Found"), [[name, text] for name, text in facts.items()], Notes())


def _where(row: Row) -> str:
    return f"{device_title(row.device)}, {runtime_title(row)}"


def _fixed(value: float | None, decimals: int) -> str | None:
    return None if value is None else fixed(value, decimals)
