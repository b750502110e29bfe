"""Opening what must be a file: no pipe or device is waited for, whatever a stranger left under its name."""

from __future__ import annotations

import os
import stat
from io import BufferedReader
from pathlib import Path


class NotRegularFileError(OSError):
    """A name that leads to a pipe or a device."""


def open_regular(path: Path, flags: int = 0) -> BufferedReader:
    """Open a regular file to read its bytes, with further ``flags`` of ``os.open``.

    Raises ``NotRegularFileError``, or another ``OSError``, for a folder ``IsADirectoryError``.
    """
    # without O_NONBLOCK, to open a pipe is to wait for its writer
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | flags)
    try:
        file = os.fdopen(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise NotRegularFileError(f"{path}: not a regular file")
    return file
