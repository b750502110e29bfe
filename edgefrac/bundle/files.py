"""Reading the files of a folder that a stranger filled: no link is followed, no pipe or device is waited for."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from edgefrac.regular_file import NotRegularFileError, open_regular


class NotPlainError(OSError):
    """A name that leads to a link, a folder, a pipe or a device, or through a link."""


def open_plain(root: Path, name: str) -> BufferedReader:
    """Open a regular file below ``root`` whose ``name`` is safe (``names``).

    Raises ``NotPlainError`` or another ``OSError``. The root itself may be a link, since its owner gave it.
    """
    path = root
    *folders, _ = name.split("/")
    for folder in folders:
        path = path / folder
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise NotPlainError(f"{path}: not a folder")
    try:
        return open_regular(root / name, getattr(os, "O_NOFOLLOW", 0))
    except (NotRegularFileError, IsADirectoryError):
        raise NotPlainError(f"{root / name}: not a regular file") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotPlainError(f"{root / name}: a link") from None
        raise


def read_plain(root: Path, name: str, limit: int) -> bytes:
    """The file's content, but not more than ``limit`` + 1 bytes of it; raises as ``open_plain``."""
    with open_plain(root, name) as file:
        # what is asked for is set aside at once, however little there is
        return file.read(min(limit, os.fstat(file.fileno()).st_size) + 1)


def fault_of_content(root: Path, name: str, size: int, sha256: str) -> str:
    """How a file is not as promised, for people; empty where it is."""
    try:
        with open_plain(root, name) as file:
            found = os.fstat(file.fileno()).st_size
            if found != size:
                return f"changed ({found} bytes instead of {size})"
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"
    return "" if digest == sha256 else "changed (another SHA-256)"


def names_below(root: Path, most: int) -> list[str]:
    """Files, links, pipes and devices below a folder, relative, with forward slashes, ``most`` + 1 of them at most."""
    found: list[str] = []
    for name in _walk(root):
        found.append(name)
        if len(found) > most:
            break
    return found


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in [*names, *links]:
            yield (Path(folder) / name).relative_to(root).as_posix()
