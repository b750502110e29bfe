"""Errors that mean one thing, whichever library raises them: there is not enough memory."""

from __future__ import annotations

import errno
import re

from edgefrac.errors import EdgeFracError

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
    return bool(_OUT_OF_MEMORY.search(str(error))) or is_memory(error.__cause__)
