"""Unpacking a .zip from a stranger: refused before anything is written, or in the middle, or whole and as it says.

A bundle needs little of what the format can do, and everything else is refused: Zip64, encryption, compression other
than deflate, bytes before the first file or after the end record, files that share bytes or names. The end record is
read first, so that a directory of a million entries costs nothing. What a header claims is never more than a claim:
bytes are counted as they come.
"""

from __future__ import annotations

import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from edgefrac.bundle.documents import MOST_FILES
from edgefrac.bundle.names import collisions, fault_of
from edgefrac.bundle.scratch import discard, scratch_folder
from edgefrac.errors import BundleError
from edgefrac.regular_file import NotRegularFileError, open_regular

LARGEST_BYTES = 1 << 30
RATIO, FREE_OF_RATIO = 50, 64 << 20  # unpacked bytes for each packed one, and what any .zip may have
_LARGEST_DIRECTORY = 2 << 20
_END, _END_SIGNATURE, _LONGEST_COMMENT = struct.Struct("<4s4H2IH"), b"PK\5\6", 0xFFFF
_LOCAL, _LOCAL_SIGNATURE = struct.Struct("<4s22x2H"), b"PK\3\4"
_ZIP64_LOCATOR, _ZIP64_BYTES = b"PK\6\7", 20
_ENCRYPTED, _CHUNK, _MARGIN = 1, 1 << 20, 16 << 20


@dataclass(frozen=True)
class _Directory:
    """Where the list of files lies, by the end record."""

    entries: int
    start: int


def unpacked(path: Path) -> Path:
    """Unpack a .zip into a temporary folder that goes with this process, and return where its bundle begins.

    The same .zip is unpacked once. Raises ``BundleError``.
    """
    try:
        with open_regular(path) as file:
            facts = os.fstat(file.fileno())
            identity = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if identity not in _done or not _done[identity].is_dir():
                _done[identity] = _unpack(path, file, facts.st_size)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
        raise BundleError(f"{path}: not a readable .zip ({error})") from None
    except NotRegularFileError:
        raise BundleError(f"{path}: neither a folder nor a file") from None
    except OSError as error:
        raise BundleError(f"{path}: cannot be unpacked ({error.strerror or error})") from None
    root = _done[identity]
    inner = list(root.iterdir())
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else root


_done: dict[tuple[int, int, int, int], Path] = {}


def _unpack(path: Path, file: BinaryIO, size: int) -> Path:
    directory = _directory(path, file, size)
    with zipfile.ZipFile(file) as archive:
        listed = archive.infolist()
        if len(listed) != directory.entries:
            raise zipfile.BadZipFile(f"{directory.entries} files by its end record, {len(listed)} in its directory")
        members = [member for member in listed if not member.filename.endswith("/")]
        _refuse_unsafe(path, listed)
        _refuse_shared_bytes(file, listed, directory.start)
        limit = min(LARGEST_BYTES, FREE_OF_RATIO + RATIO * size)
        claimed = sum(member.file_size for member in members)
        if claimed > limit:
            raise BundleError(f"{path}: too large for a bundle ({claimed} bytes unpacked, of {size})")
        root = scratch_folder()
        try:
            _require_space(path, root, claimed)
            for member in members:
                limit -= _extract(archive, member, root, limit, path)
        except BaseException:
            discard(root)
            raise
    return root


def _directory(path: Path, file: BinaryIO, size: int) -> _Directory:
    """Read the end record alone; raises ``BadZipFile``, or ``BundleError`` for a directory that is too long to read."""
    tail_start = max(0, size - _END.size - _LONGEST_COMMENT - _ZIP64_BYTES)
    file.seek(tail_start)
    tail = file.read(size - tail_start)
    place = tail.rfind(_END_SIGNATURE)
    if place < 0 or place + _END.size > len(tail):
        raise zipfile.BadZipFile("it has no end record")
    _, disk, first_disk, here, entries, length, start, comment = _END.unpack_from(tail, place)
    end = tail_start + place
    if tail[max(0, place - _ZIP64_BYTES) : place].startswith(_ZIP64_LOCATOR) or entries == 0xFFFF:
        raise BundleError(f"{path}: a Zip64 archive, which no bundle needs to be")
    if entries > MOST_FILES or length > _LARGEST_DIRECTORY:
        raise BundleError(f"{path}: too many files for a bundle ({entries}, in a directory of {length} bytes)")
    if disk or first_disk or here != entries or start + length != end or end + _END.size + comment != size:
        raise zipfile.BadZipFile("its end record does not fit the file: cut short, in parts, or with other bytes in it")
    return _Directory(entries, start)


def _refuse_unsafe(path: Path, listed: Sequence[zipfile.ZipInfo]) -> None:
    for member in listed:
        # zipfile itself ends a name at its first NUL
        name = member.orig_filename.removesuffix("/")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BundleError(f"{path}: unsafe name or link in the .zip: {name!r} is no plain file")
        if fault := fault_of(name):
            raise BundleError(f"{path}: unsafe name or link in the .zip: {name!r}: {fault}")
        if member.flag_bits & _ENCRYPTED:
            raise BundleError(f"{path}: {name} is encrypted, which no bundle is")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError(f"{path}: {name} is compressed by another method than deflate")
    names = [member.filename.removesuffix("/") for member in listed]
    if twice := collisions(names):
        raise BundleError(f"{path}: the same name twice in the .zip, on some systems: {twice[0]!r} and {twice[1]!r}")


def _refuse_shared_bytes(file: BinaryIO, listed: Sequence[zipfile.ZipInfo], directory: int) -> None:
    """Files that overlap are how a small .zip becomes a huge folder, and how two programs read two things of it."""
    in_order = sorted(listed, key=lambda member: member.header_offset)
    ends = [member.header_offset for member in in_order[1:]] + [directory]
    for member, end in zip(in_order, ends, strict=True):
        file.seek(member.header_offset)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(_LOCAL_SIGNATURE):
            raise zipfile.BadZipFile(f"{member.filename!r} has no header")
        _, name, extra = _LOCAL.unpack(header)
        if member.header_offset + _LOCAL.size + name + extra + member.compress_size > end:
            raise zipfile.BadZipFile(f"{member.filename!r} overlaps what comes after it")


def _require_space(path: Path, root: Path, needed: int) -> None:
    free = shutil.disk_usage(root).free
    if needed + _MARGIN > free:
        cause = f"unpacking it takes {needed / 1e6:.0f} MB, and {root.parent} has {free / 1e6:.0f} MB free"
        raise BundleError(f"{path}: {cause}", hint="free some space, or set TMPDIR to a folder on a larger disk")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, root: Path, limit: int, path: Path) -> int:
    """Unpack one file and return its size, by counting."""
    target = root / member.filename
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with archive.open(member) as packed, target.open("xb") as out:
        while chunk := packed.read(_CHUNK):
            written += len(chunk)
            if written > min(member.file_size, limit):
                raise BundleError(f"{path}: {member.filename} is larger than the .zip says")
            out.write(chunk)
    if written != member.file_size:
        raise zipfile.BadZipFile(f"{member.filename!r} ends after {written} bytes of {member.file_size}")
    return written
