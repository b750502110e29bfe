"""Temporary folders that go with the process that made them, and with the next one's where it was killed."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX, _LOCK = "edgefrac-bundle-", ".lock"
_held: dict[Path, tuple[int, int]] = {}  # folder -> its lock, and the process that made it


def scratch_folder() -> Path:
    """A new, empty folder that only this user may enter, removed when the process ends.

    What processes that were killed left behind is removed first: whoever works in a folder holds the lock beside it.
    Raises ``OSError``.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    descriptor, lock = tempfile.mkstemp(_LOCK, _PREFIX, parent)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # before there is a folder, or another process could take it for abandoned
    folder = Path(lock.removesuffix(_LOCK))
    folder.mkdir(mode=0o700)
    _held[folder] = descriptor, os.getpid()
    return folder


def discard(folder: Path) -> None:
    """Remove a folder of ``scratch_folder`` now."""
    descriptor, owner = _held.pop(folder)
    if os.getpid() == owner:  # a forked child leaves by the same door, and must not take the folder with it
        shutil.rmtree(folder, ignore_errors=True)
        _beside(folder).unlink(missing_ok=True)
    os.close(descriptor)


@atexit.register
def _discard_all() -> None:
    for folder in list(_held):
        discard(folder)


def _beside(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _remove_abandoned(parent: Path) -> None:
    for lock in parent.glob(f"{_PREFIX}*{_LOCK}"):
        with suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                facts = os.fstat(descriptor)
                if stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(lock.with_name(lock.name.removesuffix(_LOCK)), ignore_errors=True)
                    lock.unlink()
            finally:
                os.close(descriptor)
