"""What a guarded child process may take, and how it holds itself to that."""

from __future__ import annotations

import resource
import signal
from dataclasses import dataclass
from pathlib import Path

_AFTER_THE_PARENT = 5  # seconds


@dataclass(frozen=True)
class Limits:
    """Of a child process: how long, and how much memory beyond what it had before.

    First for opening its work, which includes a model's runtime, then for each item, which is most often an image.
    ``written_megabytes`` is the largest file that it may leave.
    """

    seconds: float = 30.0
    megabytes: int = 2048
    opening_seconds: float = 120.0
    opening_megabytes: int = 4096
    written_megabytes: int = 2048


TRIAL = Limits(written_megabytes=64)
"""Of a process that only opens a file, to see whether that can be done."""


class Held:
    """This process, held to ``limits`` by the kernel, also when the parent that would have ended it is gone.

    Memory is what can be written to and is this process's own (RLIMIT_DATA, heap and private mappings): a mapped file
    takes none, and runtimes reserve more addresses than they use, which a limit on addresses would forbid.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.own = True
        """Whether the limit of memory is one of ``limits``, and not a lower one that the parent has as well."""
        self._inherited = resource.getrlimit(resource.RLIMIT_DATA)
        _lower(resource.RLIMIT_CORE, 0)
        _lower(resource.RLIMIT_FSIZE, limits.written_megabytes << 20)
        self._allow(limits.opening_megabytes)
        self.begin(limits.opening_seconds)

    def opened(self) -> None:
        """From now on the limits of items hold."""
        self.end()
        self._allow(self._limits.megabytes)

    def begin(self, seconds: float | None = None) -> None:
        """An item has come."""
        signal.alarm(max(1, int(seconds or self._limits.seconds) + _AFTER_THE_PARENT))

    def end(self) -> None:
        """It is done."""
        signal.alarm(0)

    def _allow(self, megabytes: int) -> None:
        """Let the process allocate so much more than it has now."""
        used = data_bytes()
        if used is not None:
            wanted, (soft, hard) = used + (megabytes << 20), self._inherited
            self.own = _least(wanted, soft) == wanted
            resource.setrlimit(resource.RLIMIT_DATA, (_least(wanted, soft), hard))


def _lower(which: int, limit: int) -> None:
    soft, hard = resource.getrlimit(which)
    resource.setrlimit(which, (_least(limit, soft), hard))


def _least(wanted: int, inherited: int) -> int:
    return wanted if inherited == resource.RLIM_INFINITY else min(wanted, inherited)


def data_bytes(pid: int | None = None) -> int | None:
    """What RLIMIT_DATA counts of a process, by default this one; None where the kernel does not tell."""
    try:
        lines = Path(f"/proc/{pid or 'self'}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmData")), None)
