"""One process that works for this one, an item at a time, and may crash or hang without harm to it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from edgefrac.errors import WorkersError
from edgefrac.workers.runner import Lost, Work

# forking would copy runtimes with their threads, which then hang
_SPAWN = multiprocessing.get_context("spawn")
_OPENED = "opened"
_FAREWELL_SECONDS = 2.0


@dataclass(frozen=True)
class _Raised:
    """What the work raised in the other process."""

    error: BaseException


class Worker:
    """A process with its own opened ``work``. It holds one item at most, so that it is known which one ended it."""

    def __init__(self, work: Work[Any, Any], patience: float) -> None:
        """Start the process; ``patience`` is how many seconds it may take for an item."""
        self._patience = patience
        self._opened = False
        self._item: int | None = None
        self._deadline = float("inf")
        self.connection, other = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(other, work), daemon=True)
        self._process.start()
        other.close()  # or this end would never see that the other is gone

    @property
    def ready(self) -> bool:
        """Whether it waits for an item."""
        return self._opened and self._item is None

    @property
    def deadline(self) -> float:
        """Until when it has to answer, by ``time.monotonic``; opening the work may take as long as it takes."""
        return self._deadline

    def give(self, index: int, item: object) -> bool:
        """Hand over item number ``index``; False where the process is gone, by no fault of this item."""
        try:
            self.connection.send(item)
        except (BrokenPipeError, ConnectionResetError):
            return False
        self._item = index
        self._deadline = time.monotonic() + self._patience
        return True

    def hear(self) -> tuple[int, Any] | None:
        """Its answer with the item's number, once ``connection`` has something; None where it only opened the work.

        A process that has ended answers ``Lost``. Raises what the work raised, and ``WorkersError`` where the process
        ended before it had opened the work.
        """
        try:
            said = self.connection.recv()
        except (EOFError, OSError):
            return self._ended(_cause(self._exit_status()))
        if isinstance(said, _Raised):
            raise said.error
        if not self._opened:
            self._opened = True
            return None
        return self._answer(said)

    def give_up(self) -> tuple[int, Any] | None:
        """End the process, which is late."""
        self._process.kill()
        return self._ended(f"no answer within {self._patience:g} seconds")

    @property
    def alive(self) -> bool:
        """Whether it can be given more items."""
        return not self.connection.closed

    def close(self) -> None:
        """End the process: it goes by itself when it is idle, and is killed where it is not."""
        self.connection.close()
        if self._item is None:
            self._process.join(_FAREWELL_SECONDS)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()

    def _answer(self, answer: object) -> tuple[int, Any] | None:
        index, self._item, self._deadline = self._item, None, float("inf")
        return None if index is None else (index, answer)

    def _ended(self, cause: str) -> tuple[int, Any] | None:
        if not self._opened:
            raise WorkersError(f"a worker process could not start: {cause}", hint="try it without --processes")
        answer = self._answer(Lost(cause))
        self.close()
        return answer

    def _exit_status(self) -> int:
        self._process.join(_FAREWELL_SECONDS)
        return self._process.exitcode or 0


def first_heard(workers: list[Worker]) -> list[Worker]:
    """Those with something to ``hear``, as soon as there are any; empty where the first of them is late instead."""
    left = min(worker.deadline for worker in workers) - time.monotonic()
    heard = wait([worker.connection for worker in workers], None if left == float("inf") else max(0.0, left))
    return [worker for worker in workers if worker.connection in heard]


def _cause(status: int) -> str:
    if status >= 0:
        return f"its process ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process was ended by signal {-status}"


def _serve(connection: Connection, work: Work[Any, Any]) -> None:
    """The life of a worker process, which ends with its connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one decides
    os.dup2(2, 1)  # native code prints to standard output, which is for results
    _end_with_parent()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            do = work.open()
        except Exception as error:
            connection.send(_Raised(error))
            return
        connection.send(_OPENED)
        while True:
            connection.send(_attempt(do, connection.recv()))


def _attempt(do: Callable[[Any], Any], item: object) -> object:
    try:
        return do(item)
    except Exception as error:
        return _Raised(error)


def _end_with_parent() -> None:
    """A process that hangs would not notice that its connection is gone, and stay for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
