"""A folder or a zip, seen as a list of names; nothing is unpacked to disk."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from edgefrac.datasets.sample import FileReader, Reader, ZipReader
from edgefrac.errors import DatasetError

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
        """A binary stream of one file; raises ``OSError`` or ``zipfile.BadZipFile``."""
        if self.archive is not None:
            return self.archive.open(self.top + name)
        return (self.location / self.top / name).open("rb")

    def read_text(self, name: str) -> str:
        """One file as UTF-8 text; raises ``DatasetError``."""
        try:
            with self.open(name) as stream:
                return stream.read().decode("utf-8-sig")
        except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
            raise DatasetError(f"{self.title(name)}: cannot be read ({error})") from error

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
    except (OSError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{location}: cannot be opened as a zip ({error})") from error
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
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
