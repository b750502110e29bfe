"""Make glibc keep memory between training steps.

By default it returns each large tensor to the kernel and gets it back page by page, zeroed, at the next step: about
40 % of a step on a CPU (``benchmarks/training_step.py``).
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # malloc.h
_KEPT, _STEP = 2**31 - 1, 2**28  # bytes


def keep_memory() -> bool:
    """Set this process's allocator; False, with nothing changed, where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(*setting) for setting in ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _STEP)))
