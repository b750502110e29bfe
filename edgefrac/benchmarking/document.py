"""The document of ``edgefrac bench --json``, and one of an earlier day beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from edgefrac.benchmarking.figures import Difference, unpaired
from edgefrac.benchmarking.host import Host
from edgefrac.errors import UsageError
from edgefrac.runtimes.backend import EvidenceLevel
from edgefrac.verification.certificate import Data
from edgefrac.verification.figures import Figures
from edgefrac.verification.verdict import Verdict

_HINT = "give what 'edgefrac bench --json' printed, or a report.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Parity(_Strict):
    """What a file answers on a device beside the float32 reference on the same radiographs (``Document.data``).

    ``evidence_level`` is that of these numbers, which a row's figures of speed may not have: what a compiler predicts
    is emulated here. ``beside`` is the reference's path, ``verdict`` the gate's, with its criteria and flips.
    ``max_abs_diff_cpu``: the largest difference of probability from the same file on this machine's CPU.
    """

    evidence_level: EvidenceLevel
    beside: str
    figures: Figures
    verdict: Verdict
    max_abs_diff_cpu: float | None = None


class Row(_Strict):
    """One file in one runtime on one device with one number of threads.

    An ``unavailable`` row has no figures; ``reason`` says why some or all are missing. ``sha256`` is the file's;
    ``threads`` were asked for, ``threads_seen`` burnt processor time. ``cpu_ms`` is the median processor time of all
    threads. ``percentiles_ms`` are the 0th, 5th, … 100th. ``beside_first`` compares with the first row that was
    measured. ``load_ms`` opens the file in a process whose runtime is loaded; memory and cold start are explained in
    ``benchmarking.memory``. ``operators`` run on the device, ``elsewhere`` run on another, counted by kind;
    ``placement`` says it in a line. ``cycles`` and ``sram_kb`` are a compiler's. ``energy_mj`` is that of one run, of
    the processor's package with all that it did (``benchmarking.energy``).
    """

    path: str
    sha256: str
    target: str
    precision: str
    bytes: int = 0
    device: str
    runtime: str = ""
    threads: int
    evidence_level: EvidenceLevel
    reason: str = ""
    median_ms: float | None = None
    median_ci: tuple[float, float] | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    percentiles_ms: tuple[float, ...] = ()
    cpu_ms: float | None = None
    runs: int = 0
    beside_first: Difference | None = None
    peak_rss_mb: float | None = None
    energy_mj: float | None = None
    placement: str = ""
    operators: dict[str, int] = Field(default_factory=dict)
    elsewhere: dict[str, int] = Field(default_factory=dict)
    cycles: int | None = None
    sram_kb: float | None = None
    load_ms: float | None = None
    cold_start_ms: float | None = None
    threads_seen: int | None = None
    parity: Parity | None = None


class Stage(_Strict):
    """One step from an image file to its overlay, for one model file; ``share`` is of the sum of all steps."""

    name: str
    median_ms: float
    median_ci: tuple[float, float]
    share: float


class EndToEnd(_Strict):
    """From an image file to decision and overlay: the steps, and the whole measured as one.

    ``over_bare`` is the whole over decoding plus the bare run of the model, with its 95 % interval. The overlay is the
    heat map at the radiograph's own resolution; ``picture_ms`` is what a large one with legend and caption takes.
    """

    path: str
    runtime: str
    image: str
    stages: tuple[Stage, ...]
    whole_ms: float
    whole_ci: tuple[float, float]
    picture_ms: float
    over_bare: Difference


class Change(_Strict):
    """A row beside the same file's row of an earlier document."""

    path: str
    device: str
    runtime: str
    threads: int
    then_ms: float
    now_ms: float
    difference: Difference


class Document(_Strict):
    """All rows, the machine, and with ``--against`` what has changed.

    ``data`` are the radiographs of every row's parity; ``end_to_end`` is of the file named in it.
    """

    rows: tuple[Row, ...]
    host: Host
    changes: tuple[Change, ...] = ()
    data: Data | None = None
    end_to_end: EndToEnd | None = None


def read_document(path: Path) -> Document:
    """A stored document, by itself or in a report; raises ``UsageError`` for anything else."""
    try:
        found = from_json(path.read_bytes())
        return Document.model_validate(found["document"] if isinstance(found, dict) and "document" in found else found)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "content"
        raise UsageError(f"{path}: not a benchmark document ({where}: {problem['msg']})", hint=_HINT) from None
    except ValueError as error:
        raise UsageError(f"{path}: not a benchmark document (no JSON: {error})", hint=_HINT) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None


def same_machine(then: Document, host: Host) -> None:
    """Raise ``UsageError`` unless ``then`` was measured on a machine like ``host``."""
    if not host.same_as(then.host):
        theirs = f"{then.host.cpu}, {then.host.cores} cores, {then.host.machine}"
        here = f"{host.cpu}, {host.cores} cores, {host.machine}"
        raise UsageError(
            f"measured on another machine: {theirs}; here it is {here}", hint="measure both on one machine"
        )


def changes(rows: tuple[Row, ...], then: Document) -> tuple[Change, ...]:
    """Every row whose file, by content, was measured then on the same device with as many threads."""
    known = {_key(row): row for row in then.rows}
    return tuple(change for row in rows if (change := _change(row, known.get(_key(row)))))


def _key(row: Row) -> tuple[str, str, str, int]:
    return row.sha256, row.device, row.runtime, row.threads


def _change(row: Row, then: Row | None) -> Change | None:
    if then is None or not (row.median_ms and row.median_ci and then.median_ms and then.median_ci):
        return None
    return Change(
        path=row.path,
        device=row.device,
        runtime=row.runtime,
        threads=row.threads,
        then_ms=then.median_ms,
        now_ms=row.median_ms,
        difference=unpaired(row.median_ms, row.median_ci, then.median_ms, then.median_ci),
    )
