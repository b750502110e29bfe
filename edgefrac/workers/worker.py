"""One guarded process that does a work for this one, an item at a time, and may crash or hang without harm to it."""

from __future__ import annotations

import pickle
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from edgefrac.workers.child import Answering, Child, ChildLostError, UnopenedError
from edgefrac.workers.framing import Message
from edgefrac.workers.limits import Limits
from edgefrac.workers.runner import Lost, Work


@dataclass(frozen=True)
class _Items:
    """The service of a worker's process: an item as a pickle, which is the parent's own, and its answer as message."""

    work: Work[Any, Any]

    def open(self) -> Answering:
        do: Callable[[Any], Any] = self.work.open()
        return lambda head, blobs: self.work.to_message(do(pickle.loads(blobs[0])))


class Worker:
    """A process with its own opened ``work``. It holds one item at most, so that it is known which one ended it."""

    def __init__(self, work: Work[Any, Any], limits: Limits) -> None:
        """Start the process."""
        self._work = work
        self._child = Child(_Items(work), limits)
        self._item: tuple[int, Any] | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    @property
    def ready(self) -> bool:
        """Whether it waits for an item."""
        return self._child.open and self._item is None and self.alive

    @property
    def deadline(self) -> float:
        """Until when it has to answer, by ``time.monotonic``."""
        return self._child.deadline

    @property
    def alive(self) -> bool:
        """Whether it can be given more items."""
        return not self._child.closed

    def fileno(self) -> int:
        """Readable when there is something to ``hear``."""
        return self._child.fileno()

    def give(self, index: int, item: object) -> bool:
        """Hand over item number ``index``; False where the process is gone, by no fault of this item."""
        try:
            self._child.tell({}, [pickle.dumps(item)])
        except ChildLostError:
            return False
        self._item = index, item
        return True

    def hear(self) -> tuple[int, Any] | None:
        """Its answer with the item's number, once there is something; None where it only opened the work.

        A process that is lost answers ``Lost``. Raises what the work raised, and ``UnopenedError`` where the process
        was lost before it had opened the work.
        """
        try:
            message = self._child.hear()
        except ChildLostError as error:
            return self._answer(Lost(error.reason))
        return None if message is None else self._answer(self._meaning(message))

    def give_up(self) -> tuple[int, Any] | None:
        """End the process, which is late."""
        late = self._child.late()
        if self._item is None:
            raise UnopenedError(late.reason)
        return self._answer(Lost(late.reason))

    def close(self) -> None:
        """End the process: it goes by itself when it is idle, and is killed where it is not."""
        if self._item is None and self._child.open:
            self._child.close()
        else:
            self._child.kill()

    def _meaning(self, message: Message) -> Any:
        assert self._item is not None
        try:
            return self._work.from_message(self._item[1], message)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            return Lost(self._child.nonsense().reason)

    def _answer(self, answer: object) -> tuple[int, Any] | None:
        item, self._item = self._item, None
        return None if item is None else (item[0], answer)


def first_heard(workers: Sequence[Worker]) -> list[Worker]:
    """Those with something to ``hear``, as soon as there are any; empty where the first of them is late instead."""
    poll = select.poll()
    for worker in workers:
        poll.register(worker, select.POLLIN)
    left = min(worker.deadline for worker in workers) - time.monotonic()
    heard = {pipe for pipe, _ in poll.poll(None if left == float("inf") else max(0.0, left) * 1000)}
    return [worker for worker in workers if worker.fileno() in heard]
