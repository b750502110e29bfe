"""Predictions as a folder of Parquet files that can be read at any moment, and gone on with.

``part-00000.parquet``, … hold the rows and appear whole or not at all. ``_edgefrac.json`` says whose answers they are.
Names that begin with an underscore or a dot are passed over by what reads such folders (pyarrow, pandas, Spark).
"""

from __future__ import annotations

import io
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from edgefrac import durable
from edgefrac.archive.listing import ArchiveFile
from edgefrac.errors import MissingExtraError, OutputError, UsageError
from edgefrac.imaging.voi import WindowChoice
from edgefrac.prediction import FilePrediction
from edgefrac.progress import Note

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST, LOCK = "_edgefrac.json", "_lock"
# a kill costs a twentieth of the time that the run has taken so far, and between a second and a minute
_SHARE, _SOONEST, _LATEST = 1 / 20, 1.0, 60.0
_MOST_ROWS = 10_000


class Manifest(BaseModel):
    """What all rows of a folder have in common; rows of another model or window are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["edgefrac.predictions/1"] = "edgefrac.predictions/1"
    model: str
    model_sha256: str
    window: WindowChoice | None = None


def schema() -> pa.Schema:
    """The columns: those of ``FilePrediction``, null where a row has no such field, and what tells a changed file."""
    import pyarrow as pa

    return pa.schema(
        [
            ("file", pa.string()),
            ("size", pa.int64()),
            ("modified_ns", pa.int64()),
            ("error", pa.string()),
            ("missing_extra", pa.string()),
            ("probability", pa.float64()),
            ("label", pa.string()),
            ("positive", pa.bool_()),
            ("threshold", pa.float64()),
            ("evidence_peak", pa.list_(pa.float64())),
            ("tasks", pa.map_(pa.string(), pa.map_(pa.string(), pa.float64()))),
            ("foreign", pa.string()),
            ("identifying", pa.string()),
            ("model", pa.string()),
            ("milliseconds", pa.float64()),
        ]
    )


@contextmanager
def open_results(folder: Path, manifest: Manifest, note: Note) -> Iterator[Results]:
    """Make the folder or go on with it; while it is open nobody else can, and what was added is written at the end.

    Raises ``OutputError`` for a folder that cannot be written, that another run is writing or that holds other things,
    ``UsageError`` for one with the answers of another model, and ``MissingExtraError``.
    """
    try:
        import filelock
        import pyarrow.parquet  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtraError("--out, which writes Parquet,", "archive") from None
    lock = filelock.FileLock(folder / LOCK, timeout=0)
    with _output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        with _output_errors(folder):
            results = Results(folder, manifest, note)
        try:
            yield results
        finally:
            results.flush()
    finally:
        lock.release()


@contextmanager
def _output_errors(folder: Path) -> Iterator[None]:
    import filelock

    try:
        yield
    except filelock.Timeout:
        raise OutputError(f"{folder}: another run is writing there", hint="wait, or choose another --out") from None
    except FileExistsError:
        hint = "--out names a folder, which readers of Parquet take as one table"
        raise OutputError(f"{folder}: not a folder", hint=hint) from None
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror})") from error


class Results:
    """The rows of a folder; use ``open_results``."""

    def __init__(self, folder: Path, manifest: Manifest, note: Note) -> None:
        self._folder = folder
        self._check(manifest)
        for leftover in folder.glob(".*.part"):
            leftover.unlink()
        self._rows: list[dict[str, Any]] = []
        self._known: dict[str, tuple[int, int] | None] = {}
        self._part_of: dict[str, Path] = {}
        for part in sorted(folder.glob("part-*.parquet")):
            self._learn(part, note)
        self._next = 1 + max((int(part.stem.removeprefix("part-")) for part in self._parts()), default=-1)
        self._started = self._written = time.monotonic()

    def has(self, file: ArchiveFile) -> bool:
        """Whether there is an answer, and the file is still the one that it was given for; an error is no answer."""
        return self._known.get(file.name) == (file.size, file.modified_ns) != (None, None)

    def forget(self, names: Collection[str]) -> None:
        """Remove the rows of these files, so that they can be added anew; raises ``OutputError``."""
        import pyarrow.compute as pc

        wanted = {name for name in names if name in self._part_of}
        for part in {self._part_of[name] for name in wanted}:
            table = _read(part)
            kept = table.filter(pc.invert(pc.is_in(table["file"], value_set=_strings(wanted))))
            if kept.num_rows:
                _write(part, kept)
            else:
                part.unlink()
        for name in wanted:
            del self._known[name], self._part_of[name]

    def add(self, file: ArchiveFile, row: FilePrediction) -> None:
        """Keep a row, to be written soon; raises ``OutputError``."""
        self._rows.append({**row, "size": file.size, "modified_ns": file.modified_ns})
        now = time.monotonic()
        due = min(max((now - self._started) * _SHARE, _SOONEST), _LATEST)
        if now - self._written >= due or len(self._rows) >= _MOST_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was added since the last part; raises ``OutputError``."""
        if not self._rows:
            return
        import pyarrow as pa

        rows, self._rows = self._rows, []
        _write(self._folder / f"part-{self._next:05}.parquet", pa.Table.from_pylist(rows, schema()))
        self._next += 1
        self._written = time.monotonic()

    def _check(self, manifest: Manifest) -> None:
        path = self._folder / MANIFEST
        if not path.exists():
            if others := [one.name for one in self._folder.iterdir() if one.name[0] not in "._"]:
                raise OutputError(
                    f"{self._folder}: holds other files, such as {min(others)}", hint="choose another --out"
                )
            durable.write(path, manifest.model_dump_json(indent=1).encode())
            return
        try:
            there = Manifest.model_validate_json(path.read_bytes())
        except ValidationError:
            raise OutputError(f"{path}: not written by 'edgefrac predict --out'", hint="choose another --out") from None
        if there.model_sha256 != manifest.model_sha256:
            whose = f"{there.model} (sha256 {there.model_sha256[:12]}…), not {manifest.model}"
            raise UsageError(f"{self._folder}: holds the answers of {whose}", hint="choose another --out")
        if there.window != manifest.window:
            raise UsageError(f"{self._folder}: its --window was {there.window or 'none'}", hint="choose another --out")

    def _parts(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("part-*.parquet") if path.stem.removeprefix("part-").isdecimal())

    def _learn(self, part: Path, note: Note) -> None:
        """Take note of whose rows are there; a part that cannot be read is put aside, and its files are done again."""
        import pyarrow as pa

        try:
            table = _read(part, ["file", "size", "modified_ns", "error"])
        except (pa.ArrowException, OSError, KeyError) as error:
            cause = str(error).strip().splitlines()[0]
            aside = part.with_name(f"_damaged-{part.name}")
            part.rename(aside)
            note(f"{part}: damaged ({cause}), now {aside.name}; its files are done again")
            return
        columns = [table[name].to_pylist() for name in table.column_names]
        for name, size, modified, problem in zip(*columns, strict=True):
            self._known[name] = None if problem is not None else (size, modified)
            self._part_of[name] = part


def _read(part: Path, columns: list[str] | None = None) -> pa.Table:
    import pyarrow.parquet as pq

    with pq.ParquetFile(part) as file:
        return file.read(columns)


def _write(part: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    durable.write(part, content.getvalue())


def _strings(names: Collection[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(sorted(names), pa.string())
