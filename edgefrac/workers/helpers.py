"""Helper processes for work that every item of is needed: one of them lost ends the work, in plain words."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Literal

from edgefrac.errors import WorkersError


@contextmanager
def helpers(count: int, start: Literal["fork", "spawn"]) -> Iterator[ProcessPoolExecutor]:
    """``count`` processes; where the block is left early, what they have not begun is not begun any more.

    Raises ``WorkersError`` where one of them is ended from outside, as the system does when memory runs out.
    """
    pool = ProcessPoolExecutor(count, multiprocessing.get_context(start), initializer=_leave_signals_to_the_parent)
    try:
        yield pool
    except BrokenExecutor as error:
        raise WorkersError(
            "a process that reads radiographs was ended, most likely by the system, for want of memory",
            hint="end other programs, or take a machine with more memory",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_signals_to_the_parent() -> None:
    """Ctrl-C reaches all processes of a terminal; one of them is to tell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
