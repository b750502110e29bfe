"""There is not enough memory: what all errors mean that say so, whichever library raises them, and who never would."""

from __future__ import annotations

import errno
import mmap
import os
import re
import resource

from edgefrac.errors import EdgeFracError

_A_THREAD = 80 << 20
"""Bytes for each thread of OpenBLAS with which NumPy's and SciPy's can be loaded; measured."""

_OUT_OF_MEMORY = re.compile(
    "can.?t allocate memory|cannot allocate memory|unable to allocate|not enough memory|out of memory|bad_?alloc"
    "|failed to map segment|can.?t start new thread",
    re.I,
)


def is_memory(error: BaseException | None) -> bool:
    """Whether memory is what was wanting; an error of one's own is about a file, and its cause tells."""
    if error is None:
        return False
    if isinstance(error, EdgeFracError):
        return is_memory(error.__cause__)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if isinstance(error, SystemError) and _limited():  # "error return without exception set": an extension's malloc
        return True
    return bool(_OUT_OF_MEMORY.search(str(error))) or is_memory(error.__cause__)


def _limited() -> bool:
    limits = (resource.getrlimit(which)[0] for which in (resource.RLIMIT_DATA, resource.RLIMIT_AS))
    return any(limit != resource.RLIM_INFINITY for limit in limits)


def require_memory() -> None:
    """Raise MemoryError where a limit leaves too little to load SciPy, whose OpenBLAS would ask for it for ever."""
    if not _limited():
        return
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    wanted = _A_THREAD * max(1, int(threads) if threads.isdecimal() else os.cpu_count() or 1)
    try:
        mmap.mmap(-1, wanted, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    except OSError as error:
        raise MemoryError from error
