"""The document of ``edgefrac bench --json``, and one of an earlier day beside it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edgefrac.benchmarking.figures import Difference, unpaired
from edgefrac.benchmarking.host import Host
from edgefrac.errors import UsageError
from edgefrac.runtimes.devices import EvidenceLevel


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Row(_Strict):
    """One file on one device with one number of threads.

    An ``unavailable`` row has no figures; ``reason`` says why some or all are missing. ``sha256`` is the file's;
    ``threads`` were asked for, ``threads_seen`` burnt processor time. ``cpu_ms`` is the median processor time of all
    threads. ``beside_first`` compares with the first row that was measured. ``load_ms`` opens the file in a process
    whose runtime is loaded; memory and cold start are explained in ``benchmarking.memory``.
    """

    path: str
    sha256: str
    target: str
    precision: str
    device: str
    threads: int
    evidence_level: EvidenceLevel
    reason: str = ""
    median_ms: float | None = None
    median_ci: tuple[float, float] | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    cpu_ms: float | None = None
    runs: int = 0
    beside_first: Difference | None = None
    peak_rss_mb: float | None = None
    placement: str = ""
    load_ms: float | None = None
    cold_start_ms: float | None = None
    threads_seen: int | None = None


class Change(_Strict):
    """A row beside the same file's row of an earlier document."""

    path: str
    device: str
    threads: int
    then_ms: float
    now_ms: float
    difference: Difference


class Document(_Strict):
    """All rows, the machine, and with ``--against`` what has changed."""

    rows: tuple[Row, ...]
    host: Host
    changes: tuple[Change, ...] = ()


def read_document(path: Path) -> Document:
    """A stored document; raises ``UsageError`` for anything else."""
    try:
        return Document.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "content"
        hint = "give what 'edgefrac bench --json' printed"
        raise UsageError(f"{path}: not a benchmark document ({where}: {problem['msg']})", hint=hint) from None


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


def _key(row: Row) -> tuple[str, str, int]:
    return row.sha256, row.device, row.threads


def _change(row: Row, then: Row | None) -> Change | None:
    if then is None or not (row.median_ms and row.median_ci and then.median_ms and then.median_ci):
        return None
    return Change(
        path=row.path,
        device=row.device,
        threads=row.threads,
        then_ms=then.median_ms,
        now_ms=row.median_ms,
        difference=unpaired(row.median_ms, row.median_ci, then.median_ms, then.median_ci),
    )
