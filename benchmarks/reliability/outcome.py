"""How a command ended for which something was short, and whether its words are right."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MEBIBYTES = (24, 3000)
"""From less than Python needs to start, to more than any command takes."""
_LIBRARIES = ("OpenBLAS error", "memory allocation of ", "std::bad_alloc", "thread-local data: ABORT", "LLVM ERROR: ")
"""Last words of OpenBLAS, of libraries in Rust and C++, of the C library and of LLVM, which end the process."""


@dataclass(frozen=True)
class Outcome:
    """How one command ended; ``faults`` is what should not have been."""

    command: str
    shortage: str
    status: int
    said: str
    faults: tuple[str, ...]


def misspoken(status: int, said: str) -> Iterator[str]:
    """What is wrong with the status and the words of a command that failed."""
    if any(words in said for words in _LIBRARIES):
        return
    if status < 0:
        yield f"ended by {signal.Signals(-status).name}"
        return
    if status != 2:
        yield f"status {status}"
    if said.count("\nerror: ") + said.startswith("error: ") != 1:
        yield "not one line of error"
    if "hint: " not in said:
        yield "no next step"
    yield from (word for word in ("Traceback", "internal error") if word in said)


def little_memory(mebibytes: int) -> Callable[[], None]:
    """No more data than that, in memory."""
    return lambda: resource.setrlimit(resource.RLIMIT_DATA, (mebibytes << 20, mebibytes << 20))


def sizes(bounds: tuple[int, int], steps: int) -> Iterator[int]:
    """So many sizes of memory from the lower bound to the upper, each by the same factor larger."""
    low, high = bounds
    return (int(low * (high / low) ** (step / max(1, steps - 1))) for step in range(steps))
