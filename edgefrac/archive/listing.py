"""Which files an archive has: folders are walked, zips opened, and what a file is its content says, not its name."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgefrac.errors import DatasetError

# files are listed here and read in guarded processes, which alone need what decodes them
if TYPE_CHECKING:
    from edgefrac.imaging.radiograph import Radiograph
    from edgefrac.imaging.voi import WindowChoice

_HEAD_BYTES = 1024


@dataclass(frozen=True)
class ArchiveFile:
    """A file, or the ``member`` of a zip, as it was found.

    ``size`` in bytes and ``modified_ns`` since 1970 (a member has its zip's) tell whether it is still the same; both
    are None where it is not there. ``claimed``: its name, or somebody who named it, says that it is an image; any other
    file is only taken for one if it begins like one. ``problem`` is why nothing can be read from it.
    """

    path: Path
    member: str = ""
    size: int | None = None
    modified_ns: int | None = None
    claimed: bool = True
    problem: str = ""

    @property
    def name(self) -> str:
        """What rows and errors call it."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def is_image(self) -> bool:
        """Whether to read it; raises ``ImageError`` where a zip cannot say."""
        if self.claimed or self.problem:
            return True
        try:
            head = self._data()[:_HEAD_BYTES] if self.member else _head(self.path)
        except OSError:
            return True  # reading it will say why not
        from edgefrac.imaging.dicom.parse import recognises_dicom
        from edgefrac.imaging.nifti import recognises_nifti
        from edgefrac.imaging.raster import recognises_raster

        return recognises_raster(head) or recognises_dicom(head) or recognises_nifti(head)

    def read(self, window: WindowChoice | None) -> Radiograph:
        """As ``read_radiograph``."""
        from edgefrac.imaging.read import decode_radiograph

        return decode_radiograph(self._data(), self.name, window=window)

    def _data(self) -> bytes:
        if not self.member:
            from edgefrac.imaging.read import read_bytes

            return read_bytes(self.path)
        from edgefrac.datasets.sample import ZipReader

        return ZipReader(self.path, self.member).data()


def list_files(places: Sequence[Path]) -> list[ArchiveFile]:
    """Every file below ``places`` (files, folders, zips), sorted within each; hidden ones are left out.

    What is not there, or cannot be listed, is a file with a ``problem``, so that it is not passed over in silence.
    """
    return [file for place in places for file in _files(place)]


def _files(place: Path) -> Iterator[ArchiveFile]:
    if place.is_dir():
        yield from _walk(place)
    elif place.suffix.lower() == ".zip" and zipfile.is_zipfile(place):
        yield from _members(place)
    else:
        yield _facts(place, claimed=True)


def _walk(folder: Path) -> Iterator[ArchiveFile]:
    from edgefrac.datasets.store import IMAGES

    refused: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield _facts(Path(parent) / name, claimed=name.lower().endswith(IMAGES))
    for error in refused:
        yield ArchiveFile(Path(error.filename), problem=f"{error.filename}: cannot be listed ({error.strerror})")


def _members(path: Path) -> Iterator[ArchiveFile]:
    from edgefrac.datasets.store import IMAGES, open_store

    zip_itself = _facts(path, claimed=True)
    try:
        store = open_store(path)
    except DatasetError as error:
        yield ArchiveFile(path, problem=error.message)
        return
    if store.archive is None:
        return
    with store.archive:
        for name in store.names:
            size = store.archive.getinfo(name).file_size
            claimed = name.lower().endswith(IMAGES)
            yield ArchiveFile(path, name, size, zip_itself.modified_ns, claimed)


def _facts(path: Path, *, claimed: bool) -> ArchiveFile:
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return ArchiveFile(path, claimed=claimed)
    return ArchiveFile(path, "", facts.st_size, facts.st_mtime_ns, claimed)


def _head(path: Path) -> bytes:
    if not path.is_file():  # opening a pipe would wait for ever
        return b""
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)
