"""How many threads really work: what was asked for is one thing, what the runtime does another."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

_TASKS = Path("/proc/self/task")
_SHARE = 0.05  # of what the busiest thread burns; housekeeping burns less
_LOOKS = 5


def busy_threads(run: Callable[[], object], asked: int, seconds: float = 0.2) -> int | None:
    """How many of this process's threads burn processor time while ``run`` is repeated for ``seconds``.

    A thread counts from 5 % of the busiest one's time. On a crowded machine a worker may not come to work for a while,
    so fewer than ``asked`` are looked for again, five times in all, and the most is returned. None where the system
    does not tell (/proc/self/task is Linux).
    """
    most = 0
    for _ in range(_LOOKS):
        before = _burnt()
        if not before:
            return None
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            run()
        spent = [after - before.get(name, 0) for name, after in _burnt().items()]
        most = max(most, sum(one >= _SHARE * max(spent) for one in spent))
        if most >= asked:
            break
    return most


def _burnt() -> dict[str, int]:
    """Nanoseconds on a processor of each thread, by its id (proc(5), schedstat)."""
    found = {}
    try:
        for task in _TASKS.iterdir():
            try:
                found[task.name] = int((task / "schedstat").read_text().split()[0])
            except (ProcessLookupError, FileNotFoundError):  # it has ended
                continue
    except OSError:
        return {}
    return found
