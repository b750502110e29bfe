"""A CSV table of labels: "labels.csv", or "labels.csv?file=path&label=fx&patient=pid" where its columns are named
otherwise than file, label and patient.

Paths in the table start at its own folder. Labels are those that name a class (0 and 1, normal and fracture, a type of
fracture), or the ones listed in order with ``classes`` ("labels.csv?classes=none,torus,complete"). What is wrong with
single rows is a finding: a row without label or without its image file is left out, and so is a file that is listed
with several labels. Patients are only numbered: what the table calls them is shown nowhere. Without that column, images
are grouped as in a folder, by blocks of the number at the end of their name.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgefrac.datasets.classes import class_named, in_order, require_classes
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.grouping import Patients, grouped
from edgefrac.datasets.location import split_options
from edgefrac.datasets.registry import source
from edgefrac.datasets.sample import CLASSES, Dataset, FileReader, Sample
from edgefrac.digest import is_file
from edgefrac.errors import DatasetError

COLUMNS = ("file", "label", "patient")
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class _Row:
    line: int
    file: str
    label: str
    patient: str


@source
def open_table(location: str) -> Dataset | None:
    """Open a table of labels, or return None if the location is no .csv; raises ``DatasetError``."""
    parts = split_options(location, ".csv", (*COLUMNS, "classes"))
    if parts is None:
        return None
    path, options = parts
    findings = Findings()
    rows = _once_each(_read(path, options, findings), findings)
    if not rows:
        raise DatasetError(f"{path}: no row with a file and a label")
    label_of, classes = _labels(path, rows, options.get("classes"))
    there = [row for row in rows if _is_there(path, row, findings)]
    if not there:
        raise DatasetError(f"{path}: none of its files is there", hint="paths in it start at the table's own folder")
    require_classes(str(path), (classes[label_of[row.label]] for row in there), classes)
    patients = Patients()
    samples = [
        Sample(row.file, label_of[row.label], FileReader(path.parent / row.file), patients.group(row.patient))
        for row in there
    ]
    return Dataset(path.stem, tuple(grouped(samples)), classes, findings=findings.lines())


def _read(path: Path, options: Mapping[str, str], findings: Findings) -> list[_Row]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path}: not UTF-8 text", hint="save it as 'CSV UTF-8'") from error
    head = text.partition("\n")[0]
    table = csv.DictReader(io.StringIO(text), delimiter=max(_DELIMITERS, key=head.count))
    file, label, patient = (options.get(role, role) for role in COLUMNS)
    try:
        columns = [column for column in (table.fieldnames or ()) if column]
    except csv.Error as error:
        raise DatasetError(f"{path}, line 1: not a CSV table ({error})") from error
    missing = {file, label} - set(columns)
    if "patient" in options:
        missing |= {patient} - set(columns)
    if missing:
        hint = f"it has {', '.join(columns)}; name yours: {path.name}?file=…&label=…&patient=…"
        raise DatasetError(f"{path}: no column {', '.join(sorted(missing))}", hint=hint)
    if patient not in columns:
        findings.add("no column of patients: images are grouped by blocks of the numbers in their names", path.name)
    rows = []
    try:
        for row in table:
            values = [(row.get(column) or "").strip() for column in (file, label, patient)]
            if not values[0] or not values[1]:
                findings.add("row without file or label, left out", f"line {table.line_num}")
                continue
            rows.append(_Row(table.line_num, values[0].replace("\\", "/"), *values[1:]))
    except csv.Error as error:
        raise DatasetError(f"{path}, line {table.line_num}: not a CSV table ({error})") from error
    return rows


def _once_each(rows: list[_Row], findings: Findings) -> list[_Row]:
    by_file: defaultdict[str, list[_Row]] = defaultdict(list)
    for row in rows:
        by_file[str(PurePosixPath(row.file))].append(row)
    kept = []
    for file, same in by_file.items():
        if len({row.label for row in same}) > 1:
            findings.add("listed with several labels, left out", file)
            continue
        if len(same) > 1:
            findings.add("listed several times with the same label, taken once", file)
        if len({row.patient for row in same}) > 1:
            findings.add("listed for several patients, taken for the first", file)
        kept.append(same[0])
    return kept


def _labels(path: Path, rows: list[_Row], named: str | None) -> tuple[dict[str, int], tuple[str, ...]]:
    """The label of each value in the table, and the classes."""
    if named:
        classes = tuple(name.strip() for name in named.split(","))
        name_of = {name: name for name in classes}
    else:
        name_of = {row.label: name for row in rows if (name := class_named(_as_integer(row.label)))}
        classes = in_order(name_of.values())
        classes = CLASSES if len(classes) == 1 and classes[0] in CLASSES else classes
    for row in rows:
        if row.label not in name_of:
            raise DatasetError(
                f"{path}, line {row.line}: label {row.label!r} names no class",
                hint=f"known are 0 and 1, normal, fracture and its types; or list yours: {path.name}?classes=normal,…",
            )
    if len(classes) < 2:
        raise DatasetError(f"{path}: all its images are of one class, '{classes[0]}'")
    return {value: classes.index(name) for value, name in name_of.items()}, classes


def _as_integer(value: str) -> str:
    """Tables that went through a spreadsheet or a data frame say 1.0 for 1."""
    return value.removesuffix(".0")


def _is_there(path: Path, row: _Row, findings: Findings) -> bool:
    there = is_file(path.parent / row.file)
    if not there:
        findings.add(f"listed in {path.name} without an image file, left out", row.file)
    return there
