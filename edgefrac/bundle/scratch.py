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


def scratch_folder() -> Path:
    """A new, empty folder that only this user may enter, removed when the process ends.

    What processes that were killed left behind is removed first: whoever works in a folder holds the lock beside it.
    Raises ``OSError``.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = _beside(folder)
    descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)  # held, and so open, until the process ends
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    atexit.register(_remove, folder, os.getpid())
    return folder


def _beside(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK)


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child leaves by the same door, and must not take the folder with it
        shutil.rmtree(folder, ignore_errors=True)
        _beside(folder).unlink(missing_ok=True)


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
