"""The outbox: brings answers to their destinations, tries again with growing pauses, and picks up after any end.

Nothing is remembered here: what is to be sent, and when, is in the work list, and what is sent is made anew from the
image's envelope and numbers, to the same bytes. An end between sending and noting it makes a destination get the same
objects twice, which it keeps once.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from edgefrac.errors import EdgeFracError
from edgefrac.serve.dicom.envelope import Envelope
from edgefrac.serve.dicom.outgoing import make_ready, outgoing
from edgefrac.serve.dicom.senders import NotDeliveredError, Sender
from edgefrac.serve.service import ReadingRoom
from edgefrac.serve.state import remove
from edgefrac.serve.worklist import Delivery, Item

log = logging.getLogger("edgefrac.serve")

_AT_ONCE = 50
_AT_LEAST_EVERY = 30.0  # seconds; a change of the work list by hand is seen then
_AFTER_A_FAULT = 5.0


@dataclass(frozen=True)
class Patience:
    """Seconds: the first pause, the longest one, and how long after the answer a delivery is given up."""

    first: float = 2.0
    longest: float = 60.0
    in_all: float = 3 * 86400.0

    def pause(self, failures: int) -> float:
        """After so many failures in a row: twice as long each time, and a random part of it less."""
        return float(min(self.longest, self.first * 2 ** min(failures - 1, 30)) * random.uniform(0.5, 1.0))


class Outbox:
    """Delivers what a room has for ``senders``, which are named as its destinations, from ``start`` to ``close``.

    Each destination has a thread of its own: one that is down holds up no other.
    """

    def __init__(self, room: ReadingRoom, senders: Mapping[str, Sender], patience: Patience | None = None) -> None:
        self._room, self._patience = room, patience or Patience()
        self._closing = threading.Event()
        self._lines = [_Line(name, sender) for name, sender in senders.items()]
        self._threads = [
            threading.Thread(target=self._run, args=(line,), name=f"outbox-{number}", daemon=True)
            for number, line in enumerate(self._lines)
        ]
        room.on_finished.append(lambda _: self.wake())

    def start(self) -> None:
        """Begin with what was left."""
        names = [line.name for line in self._lines]
        if given_up := self._room.worklist.give_up_others(names, "no longer a destination"):
            log.warning("outbox: %d answers were to go where nothing is sent any more", given_up)
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Finish what is under way."""
        self._closing.set()
        self.wake()
        for thread in self._threads:
            thread.join()

    def wake(self) -> None:
        """Look at the work list now."""
        for line in self._lines:
            line.news.set()

    def _run(self, line: _Line) -> None:
        make_ready()
        while not self._closing.is_set():
            line.news.clear()
            try:
                self._deliver_due(line)
                due = self._room.worklist.next_due(line.name)
            except Exception as error:  # the disk fails the work list, or memory is short
                log.error("outbox: %s", error.message if isinstance(error, EdgeFracError) else type(error).__name__)
                self._closing.wait(_AFTER_A_FAULT)
                continue
            left = _AT_LEAST_EVERY if due is None else due - time.time()
            line.news.wait(min(max(left, 0.0), _AT_LEAST_EVERY))

    def _deliver_due(self, line: _Line) -> None:
        while due := self._room.worklist.due(line.name, time.time(), _AT_ONCE):
            for delivery in due:
                if self._closing.is_set():
                    return
                if not self._deliver(line, delivery):
                    # a destination that failed once fails the next ones, too: let it rest
                    self._closing.wait(self._patience.pause(line.failures))

    def _deliver(self, line: _Line, delivery: Delivery) -> bool:
        """Try one delivery; False where its destination is to be left alone for a while."""
        worklist = self._room.worklist
        item = worklist.item(delivery.image)
        if item is None:
            return True
        if failure := self._failure(line, item):
            return self._failed(line, delivery, item, failure)
        line.failures = 0
        worklist.delivered(item.id, line.name)
        if all(one.state == "delivered" for one in worklist.deliveries(item.id)):
            remove(self._room.envelope(item.id))
        log.info("image %s: answer delivered", item.id)
        return True

    def _failure(self, line: _Line, item: Item) -> NotDeliveredError | None:
        """Make and send; why it failed."""
        try:
            line.sender.send(self._files(item))
        except NotDeliveredError as error:
            return error
        except (FileNotFoundError, ValidationError):
            return NotDeliveredError("what it is made from is gone or damaged", again=False)
        except Exception as error:  # its text may quote the objects
            return NotDeliveredError(f"internal error ({type(error).__name__})", again=True)
        return None

    def _failed(self, line: _Line, delivery: Delivery, item: Item, error: NotDeliveredError) -> bool:
        worklist, now = self._room.worklist, time.time()
        if not error.again or now - (item.finished or now) > self._patience.in_all:
            log.error("image %s: answer not delivered: %s", item.id, error.message)
            worklist.give_up(item.id, line.name, error.message)
            return True
        line.failures += 1
        log.warning("image %s: answer not delivered yet: %s", item.id, error.message)
        worklist.put_off(item.id, line.name, error.message, now + self._patience.pause(delivery.attempts + 1))
        return False

    def _files(self, item: Item) -> list[bytes]:
        envelope = Envelope.from_json(self._room.envelope(item.id).read_bytes())
        return outgoing(item, envelope, self._room.state.images / item.id)


class _Line:
    """One destination: whether there is something new for it, and how often in a row it has failed."""

    def __init__(self, name: str, sender: Sender) -> None:
        self.name, self.sender = name, sender
        self.news = threading.Event()
        self.failures = 0
