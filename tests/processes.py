"""Run the command line as a process and time it."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """``edgefrac ARGUMENTS`` in a process of its own."""
    return subprocess.run([sys.executable, "-m", "edgefrac", *arguments], capture_output=True, text=True, check=True)


def cpu_seconds(*arguments: str) -> float:
    """Processor time of the best of three runs, on a machine that may be busy with other things."""
    return min(_once(*arguments) for _ in range(3))


def _once(*arguments: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(*arguments)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def children(pid: int) -> list[int]:
    """Process ids of the processes that one started."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except FileNotFoundError:
        return []
