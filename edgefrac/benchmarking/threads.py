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
    and another thread's housekeeping may look like work, so unless ``asked`` are seen it is looked again, five times in
    all, and the median is returned. None where the system does not tell (/proc/self/task is Linux).
    """
    looks: list[int] = []
    while len(looks) < _LOOKS and asked not in looks:
        before = _burnt()
        if not before:
            return None
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            run()
        spent = [after - before.get(name, 0) for name, after in _burnt().items()]
        looks.append(sum(one >= _SHARE * max(spent) for one in spent))
    return asked if asked in looks else sorted(looks)[_LOOKS // 2]


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
