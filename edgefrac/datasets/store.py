"""A folder or a zip, seen as a list of names; nothing is unpacked to disk."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from edgefrac.datasets.sample import DAMAGED_ZIP, FileReader, Reader, ZipReader
from edgefrac.errors import DatasetError
from edgefrac.imaging.limits import most_unpacked

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".dcm", ".dicom")
"""Endings by which a folder's images are told from its other files."""


@dataclass(frozen=True)
class Store:
    """Files below ``location``/``top``; ``names`` are sorted, relative to there, with forward slashes."""

    location: Path
    names: tuple[str, ...]
    archive: zipfile.ZipFile | None = None
    top: str = ""

    def open(self, name: str) -> IO[bytes]:
        """A binary stream of one file; raises ``OSError``, and reading a zip's member what ``DAMAGED_ZIP`` lists."""
        if self.archive is not None:
            try:
                return self.archive.open(self.top + name)
            except DAMAGED_ZIP as error:
                raise OSError(str(error)) from error
        return (self.location / self.top / name).open("rb")

    def read_text(self, name: str) -> str:
        """One file as UTF-8 text; raises ``DatasetError``."""
        if self.archive is not None:
            member = self.archive.getinfo(self.top + name)
            if member.file_size > most_unpacked(member.compress_size):
                raise DatasetError(f"{self.title(name)}: unpacks to {member.file_size >> 20} MiB, as only a bomb does")
        try:
            with self.open(name) as stream:
                return stream.read().decode("utf-8-sig")
        except DAMAGED_ZIP as error:  # text that is no UTF-8 is a ValueError
            raise DatasetError(f"{self.title(name)}: cannot be read ({error})") from error

    def read_table(self, name: str, columns: Collection[str]) -> list[tuple[int, dict[str, str]]]:
        """The rows of a CSV table, each with its line, that must have these ``columns``; raises ``DatasetError``."""
        table = csv.DictReader(io.StringIO(self.read_text(name)))
        try:
            rows = [(table.line_num, row) for row in table]
        except csv.Error as error:
            raise DatasetError(f"{self.title(name)}, line {table.line_num}: not a CSV table ({error})") from error
        if missing := set(columns) - set(table.fieldnames or ()):
            raise DatasetError(f"{self.title(name)}: no column {', '.join(sorted(missing))}")
        return rows

    def reader(self, name: str) -> Reader:
        """A reader of one radiograph."""
        if self.archive is not None:
            return ZipReader(self.location, self.top + name)
        return FileReader(self.location / self.top / name)

    def title(self, name: str) -> str:
        """The file's name for messages."""
        joint = ":" if self.archive is not None else "/"
        return f"{self.location}{joint}{self.top}{name}"

    def below_folder_of(self, marker: str) -> Store | None:
        """The same store seen from the folder that holds ``marker``: the root or one folder down; None if neither."""
        if marker in self.names:
            return self
        tops = sorted(n.removesuffix(marker) for n in self.names if n.count("/") == 1 and n.endswith("/" + marker))
        if not tops:
            return None
        names = tuple(n.removeprefix(tops[0]) for n in self.names if n.startswith(tops[0]))
        return replace(self, names=names, top=self.top + tops[0])


def open_store(location: Path) -> Store:
    """List a folder or a zip, hidden files left out; raises ``DatasetError``."""
    if location.is_dir():
        return Store(location, _visible(p.relative_to(location).as_posix() for p in _files(location)))
    if not location.exists():
        raise DatasetError(f"{location}: no such folder or file", hint="give a folder, a .zip, or 'phantom'")
    if not zipfile.is_zipfile(location):
        raise DatasetError(f"{location}: neither a folder nor a readable .zip", hint="is the download complete?")
    try:
        archive = zipfile.ZipFile(location)
    except DAMAGED_ZIP as error:
        raise DatasetError(f"{location}: cannot be opened as a zip ({error})") from error
    names = [info.filename for info in archive.infolist() if not info.filename.endswith("/")]
    for name in names:
        if not is_inside(name):
            raise DatasetError(f"{location}: member {name!r} points outside the archive", hint="do not use this file")
    return Store(location, _visible(names), archive)


def is_inside(name: str) -> bool:
    """Whether a relative name stays below its root."""
    return not (name.startswith("/") or ".." in name.split("/") or "\\" in name or ":" in name)


def _files(folder: Path) -> list[Path]:
    try:
        return [Path(parent) / name for parent, _, files in os.walk(folder) for name in files]
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be listed ({error.strerror})") from error


def _visible(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(n for n in names if not any(p.startswith((".", "__MACOSX")) for p in n.split("/"))))
