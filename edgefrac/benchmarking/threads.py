"""How many threads really work: what was asked for is one thing, what the runtime does another."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

_TASKS = Path("/proc/self/task")
_SHARE = 0.05  # of what the busiest thread burns; housekeeping burns less


def busy_threads(run: Callable[[], object], seconds: float = 0.2) -> int | None:
    """How many of this process's threads burn processor time while ``run`` is repeated for ``seconds``.

    A thread counts from 5 % of the busiest one's time. None where the system does not tell (/proc/self/task is Linux).
    On a crowded machine a runtime that hands out work as threads come may be seen to use fewer than it would.
    """
    before = _burnt()
    if not before:
        return None
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        run()
    spent = [after - before.get(name, 0) for name, after in _burnt().items()]
    return sum(one >= _SHARE * max(spent) for one in spent)


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
