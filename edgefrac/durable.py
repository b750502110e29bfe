"""Writing so that a file or folder is there whole or not at all, and still there after a power failure.

What is being made lies beside its final name as ``.NAME.PID-N.part`` and is held by a lock, which the system lets go of
when the process ends, however it ends. So the next run that writes there knows what a killed one left, and removes it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import glob
import itertools
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from edgefrac.errors import OutputError

_HINTS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "the disk is full: free some space, or write elsewhere"),
    errno.EROFS: "the disk is read-only: write elsewhere",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "you may not write there: change its permissions, or write elsewhere"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST, errno.EISDIR), "files and folders are in each other's place"),
    errno.ENAMETOOLONG: "choose a shorter name",
}
_LONGEST = 60  # of a name's characters in its temporary one, which is longer, and names have a limit of 255 bytes
_EXCHANGE, _AT_FDCWD = 2, -100
_count = itertools.count()


def refused(path: Path, error: OSError) -> OutputError:
    """The error of the system in plain words, with the next step."""
    hint = _HINTS.get(error.errno or 0, "is the folder writable, is the disk full?")
    return OutputError(f"{path}: cannot be written ({error.strerror or error})", hint=hint)


def write(path: Path, data: bytes, *, mode: int = 0o666, named: Path | None = None) -> None:
    """Write a file whole or not at all; ``mode`` is less what the umask takes. Raises ``OutputError``.

    An error names ``named`` instead, where the name of the file is nobody's business.
    """
    with writing(path, mode=mode, named=named) as temporary, temporary.open("r+b") as file:
        file.write(data)


@contextmanager
def writing(path: Path, *, mode: int = 0o666, named: Path | None = None) -> Iterator[Path]:
    """Within, fill the empty file given; at the end it is brought to the disk and becomes ``path``.

    Where the block fails, nothing is left of it and ``path`` is as before. An ``OSError`` becomes an ``OutputError``.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{named or path}: cannot be written (not a file)", hint="choose another name")
    temporary = _beside(path, "part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_once(path.parent.absolute())
        held = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            _hold(held)
            yield temporary
            settle(temporary)  # or a power failure could leave the name without the content
            temporary.replace(path)
            settle(path.parent)
        finally:
            os.close(held)
    except OSError as error:
        raise refused(named or path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Within, fill the empty folder given; at the end it takes the place of ``folder``, in one step where Linux can.

    Where the block fails, nothing is left of it and ``folder`` is as before. An ``OSError`` becomes an ``OutputError``.
    """
    building = _beside(folder, "partial")
    try:
        clear(folder.parent, folder.name)
        building.mkdir(parents=True)
        held = os.open(building, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _hold(held)
            yield building
            for root, _, files in os.walk(building):
                for name in (*files, "."):
                    settle(Path(root) / name)
            put_in_place(building, folder)
        finally:
            os.close(held)
    except OSError as error:
        raise refused(folder, error) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def put_in_place(building: Path, folder: Path) -> None:
    """Let ``building`` become ``folder``; a former one ends under the name of ``building``. Raises ``OSError``."""
    if not folder.exists():
        building.rename(folder)
    elif not _exchange(building, folder):  # without that, a kill in between leaves no folder, but its former one aside
        former = _beside(folder, "former")
        folder.rename(former)
        try:
            building.rename(folder)
        except OSError:
            former.rename(folder)
            raise
        former.rename(building)
    settle(folder.parent)


def require_writable(folder: Path) -> None:
    """Find out before the work that nothing can be written there, or that it cannot be made; raises ``OutputError``."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.exists()), Path("/"))
    if not there.is_dir():
        raise refused(folder, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(there, os.W_OK | os.X_OK):
        read_only = os.statvfs(there).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
        raise refused(folder, OSError(number, os.strerror(number)))


def settle(path: Path) -> None:
    """Bring a file's content, or a folder's entries, to the disk; raises ``OSError``."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def clear(folder: Path, name: str) -> None:
    """Remove what writers of ``name`` in ``folder`` whose processes are gone left unfinished.

    A former folder that was put aside when its process was killed comes back, where there is none in its place.
    """
    for kind in ("part", "partial", "former"):
        for left in sorted(folder.glob(f".{glob.escape(name[:_LONGEST])}.*.{kind}")):
            if _is_left(left):
                with suppress(OSError):
                    _put_away(left, folder / name)


@cache
def _clear_once(folder: Path) -> None:
    """Remove unfinished files of other runs at the first write into a folder, since listing it may take a while."""
    for left in folder.glob(".*.*-*.part"):
        if _is_left(left):
            with suppress(OSError):
                left.unlink()


def _put_away(left: Path, place: Path) -> None:
    if left.suffix == ".former" and not place.exists():
        left.rename(place)
    elif left.is_dir():
        shutil.rmtree(left)
    else:
        left.unlink()


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name[:_LONGEST]}.{os.getpid()}-{next(_count)}.{kind}")


def _hold(descriptor: int) -> None:
    with suppress(OSError):  # a file system without locks; what a killed run left there stays
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_left(path: Path) -> bool:
    """Whether nobody holds it, and its process, where it is one of this machine, is not running."""
    number = path.name.rsplit(".", 2)[1].split("-")[0]
    if not number.isdecimal() or path.is_symlink() or _runs(int(number)):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _runs(process: int) -> bool:
    """Whether another process has this number: our own names are new, so under our number it is an earlier one's."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change names in one step; False where system or file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    names = os.fsencode(one), os.fsencode(other)
    return rename is not None and rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0
