"""Guarded processes of this machine: one that crashes, hangs or wants all memory costs its item, not the run."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Generic, TypeVar

from edgefrac.workers.limits import Limits
from edgefrac.workers.runner import Answers, Work
from edgefrac.workers.worker import Worker, first_heard

T = TypeVar("T")
R = TypeVar("R")


def usable_cores() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Pool:
    """A runner with ``processes`` workers, by default one for each usable core, each held to ``limits``."""

    def __init__(self, processes: int | None = None, limits: Limits | None = None) -> None:
        self._processes = processes or usable_cores()
        self._limits = limits or Limits()

    def run(self, work: Work[T, R], items: Sequence[T]) -> Answers[R]:
        """As ``Runner.run``; an item whose process crashed or was too slow is ``Lost``."""
        if items:
            with closing(Crew(work, min(self._processes, len(items)), self._limits)) as crew:
                yield from crew.run(items)


class Crew(Generic[T, R]):
    """Workers that have opened one work and stay for several runs."""

    def __init__(self, work: Work[T, R], size: int, limits: Limits) -> None:
        self._work, self._size, self._limits = work, size, limits
        self._workers: list[Worker] = []

    def run(self, items: Sequence[T]) -> Answers[R]:
        """As ``Runner.run``."""
        waiting = deque(range(len(items)))
        done = 0
        while done < len(items):
            self._fill(len(items) - done)
            self._hand_out(waiting, items)
            for answer in self._hear():
                done += 1
                yield answer

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()

    def _fill(self, wanted: int) -> None:
        self._workers = [worker for worker in self._workers if worker.alive]
        while len(self._workers) < min(self._size, wanted):
            self._workers.append(Worker(self._work, self._limits))

    def _hand_out(self, waiting: deque[int], items: Sequence[T]) -> None:
        for worker in self._workers:
            if waiting and worker.ready and worker.give(waiting[0], items[waiting[0]]):
                waiting.popleft()

    def _hear(self) -> Iterator[tuple[int, Any]]:
        """Wait for the next answers; one that is late is given up."""
        alive = [worker for worker in self._workers if worker.alive]
        heard = first_heard(alive) if alive else []
        late = [worker for worker in alive if worker not in heard and worker.deadline <= time.monotonic()]
        answers = [*(worker.hear() for worker in heard), *(worker.give_up() for worker in late)]
        yield from (answer for answer in answers if answer is not None)
