"""The reading room at work: takes images in, has them read in the order they came, and keeps each answer once."""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgefrac import durable
from edgefrac.errors import BusyError, EdgeFracError, OutputError
from edgefrac.serve.answer import Answer
from edgefrac.serve.readers import ReaderLostError, Readers
from edgefrac.serve.state import State, remove, store
from edgefrac.serve.worklist import Item, Origin, Worklist, new_id
from edgefrac.shortage import is_memory
from edgefrac.workers.framing import Message

log = logging.getLogger("edgefrac.serve")

_KEEPERS = 4
_LOST_READERS = 2  # so many readers an image may cost before it is refused
_BEFORE_NEXT_TRY = 2.0  # seconds, where the disk is full
_OUR_FAULT = "it could not be answered: a fault of EdgeFrac's own, see the log"
_BETWEEN_CLEANINGS = 60.0
_CLEANED_AT_ONCE = 1000
_FROM_A_PACS: frozenset[Origin] = frozenset({"dicom", "dicomweb"})


@dataclass(frozen=True)
class Receipt:
    """An image in the work list; ``new`` is False where it was there already."""

    id: str
    new: bool


@dataclass(frozen=True)
class Rules:
    """How many images may wait for a reader, and how long what is done is kept."""

    waiting: int = 1000
    keep_seconds: float = 7 * 86400.0


class _Read(NamedTuple):
    """An image that a reader has done with: its numbers lie in ``part``, its answer is in ``done``."""

    item: Item
    part: Path
    done: Future[Message]


class ReadingRoom:
    """One state folder, its work list and its readers, from ``start`` to ``close``.

    ``destinations`` are the names under which answers to images of a PACS are to be delivered.
    """

    def __init__(self, state: State, readers: Readers, destinations: Sequence[str] = (), rules: Rules | None = None):
        self.state, self.readers, self.rules = state, readers, rules or Rules()
        self.destinations = tuple(destinations)
        self.worklist = Worklist(state.database)
        self.on_finished: list[Callable[[Item], None]] = []
        """Called with each image that is done, from any thread."""
        self._todo: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._at_work = threading.Semaphore(readers.count * 4)
        self._again: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
        # answers wait for the disk here, and readers read on
        self._read: queue.SimpleQueue[_Read | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        # all are there before the first image: where memory is short, none could be started
        self._keepers = [
            threading.Thread(target=self._keep_answers, name=f"room-keeper-{n}", daemon=True) for n in range(_KEEPERS)
        ]
        self._threads = [
            threading.Thread(target=target, name=f"room-{target.__name__}", daemon=True)
            for target in (self._dispatch, self._try_again, self._clean)
        ]

    def start(self) -> None:
        """Take up what was left, and begin to read."""
        self._recover()
        for id_ in self.worklist.waiting():
            self._todo.put(id_)
        for thread in (*self._keepers, *self._threads):
            thread.start()

    def close(self) -> None:
        """Finish the images at work, and leave the others for the next start."""
        self._closing.set()
        self._todo.put(None)
        self._again.put(None)
        _join(self._threads)
        self.readers.close()
        for _ in self._keepers:
            self._read.put(None)
        _join(self._keepers)
        self.worklist.close()
        self.state.close()

    @property
    def full(self) -> bool:
        """Whether so many images wait that no further one is taken."""
        return self._todo.qsize() >= self.rules.waiting

    def receive(self, data: bytes, origin: Origin, identity: bytes | None = None) -> Receipt:
        """Put one image in the work list; when this returns it is on the disk, and may be acknowledged.

        ``identity`` is what makes it the same image (a SOP Instance UID), without one its bytes are. Raises
        ``BusyError`` where too many wait already, ``OutputError`` where it cannot be stored.
        """
        key = self.state.key(data if identity is None else identity)
        if found := self.worklist.known(key):
            return Receipt(found.id, new=False)
        if self.full:
            raise BusyError(f"{self.rules.waiting} images wait already", hint="send it again later")
        id_ = new_id()
        store(self.state.incoming / id_, data)
        try:
            self.worklist.add(id_, key, origin, time.time())
        except ValueError:
            remove(self.state.incoming / id_)
            known = self.worklist.known(key)
            assert known
            return Receipt(known.id, new=False)
        except OutputError:
            remove(self.state.incoming / id_)
            raise
        self._todo.put(id_)
        return Receipt(id_, new=True)

    def remove(self, id_: str) -> bool:
        """Forget an image that is done; False where it is waiting or not here."""
        removed = self.worklist.remove(id_)
        if removed:
            for path in self._paths(id_):
                remove(path)
        return removed

    def envelope(self, id_: str) -> Path:
        """Where the envelope of an image lies, if it has one."""
        return self.state.envelopes / f"{id_}.json"

    def _destinations(self, id_: str) -> tuple[str, ...]:
        return self.destinations if self.envelope(id_).is_file() else ()

    def _paths(self, id_: str) -> tuple[Path, ...]:
        return self.state.incoming / id_, self.state.images / id_, self.envelope(id_)

    def _dispatch(self) -> None:
        while True:
            self._at_work.acquire()
            id_ = self._todo.get()
            if id_ is None or self._closing.is_set():
                return
            try:
                item = self.worklist.item(id_)
                if item and item.state == "waiting":
                    self._submit(item)
                else:
                    self._at_work.release()
            except Exception as error:  # the disk, or memory
                self._at_work.release()
                self._later(id_, error)

    def _submit(self, item: Item) -> None:
        part = self.state.images / f".{new_id()}.part"
        wanted = bool(self.destinations) and item.origin in _FROM_A_PACS
        job = {
            "do": "read",
            "incoming": str(self.state.incoming / item.id),
            "into": str(part),
            "envelope": str(self.envelope(item.id)) if wanted else None,
        }
        while True:
            try:
                reply = self.readers.submit(job)
                break
            except BusyError:
                # callers who wait for their answer fill the queue; the work list, which nobody waits for, goes behind
                if self._closing.wait(0.02):
                    return
        reply.add_done_callback(lambda done: self._read.put(_Read(item, part, done)))

    def _keep_answers(self) -> None:
        while read := self._read.get():
            try:
                self._settle(*read)
            except Exception as error:
                self._unsettled(read.item, error)
            finally:
                remove(read.part)
                self._at_work.release()

    def _unsettled(self, item: Item, error: Exception) -> None:
        """An answer that was not kept: because of the disk or memory, or by a fault of ours."""
        if isinstance(error, OutputError | BusyError) or is_memory(error):
            self._later(item.id, error)
            return
        # its message may be of the image's making
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("image %s: internal error: %s\n%s", item.id, type(error).__name__, where)
        try:
            self._refuse(item, _OUR_FAULT)
        except Exception as again:
            self._later(item.id, again)

    def _later(self, id_: str, error: Exception) -> None:
        cause = error.message if isinstance(error, OutputError | BusyError) else type(error).__name__
        log.error("image %s: %s; tried again", id_, cause)
        self._again.put((time.monotonic() + _BEFORE_NEXT_TRY, id_))

    def _try_again(self) -> None:
        while waits := self._again.get():
            due, id_ = waits
            self._closing.wait(max(0.0, due - time.monotonic()))
            self._todo.put(id_)

    def _settle(self, item: Item, part: Path, done: Future[Message]) -> None:
        try:
            head, _ = done.result()
        except (OutputError, BusyError):
            raise
        except ReaderLostError as error:
            if self.worklist.lost_reader(item.id) < _LOST_READERS:
                self._todo.put(item.id)
                return
            self._refuse(item, error.message)
        except EdgeFracError as error:
            self._refuse(item, error.message)
        else:
            self._keep(part, item)
            answer = Answer.model_validate(head["answer"])
            self._done(item, self.worklist.answer(item.id, answer, self._destinations(item.id), time.time()))

    def _keep(self, part: Path, item: Item) -> None:
        """Give an image's numbers their name, on the disk before the answer counts."""
        try:
            durable.settle(part)
            part.replace(self.state.images / item.id)
            durable.settle(self.state.images)
        except OSError as error:
            raise OutputError(f"{self.state.root}: nothing can be stored there ({error.strerror})") from None

    def _refuse(self, item: Item, why: str) -> None:
        self._done(item, self.worklist.refuse(item.id, why, self._destinations(item.id), time.time()))

    def _done(self, item: Item, finished: bool) -> None:
        remove(self.state.incoming / item.id)
        if finished and (found := self.worklist.item(item.id)):
            log.info("image %s: %s", item.id, found.state)
            for call in self.on_finished:
                call(found)

    def _clean(self) -> None:
        while not self._closing.wait(_BETWEEN_CLEANINGS):
            try:
                for id_ in self.worklist.done_before(time.time() - self.rules.keep_seconds, _CLEANED_AT_ONCE):
                    self.remove(id_)
            except Exception as error:
                log.error("nothing cleaned away now: %s", type(error).__name__)

    def _recover(self) -> None:
        """Bring files and rows together after an end at any moment: what is not in the work list was never promised."""
        waiting = set(self.worklist.waiting())
        for path in self.state.incoming.iterdir():
            if path.name not in waiting:
                remove(path)
        for path in self.state.envelopes.iterdir():
            # a failed delivery may be asked for again
            open_ = [d for d in self.worklist.deliveries(path.stem) if d.state != "delivered"]
            if path.stem not in waiting and not open_:
                remove(path)
        for path in self.state.images.iterdir():
            item = self.worklist.item(path.name)
            if item is None or item.state != "answered":
                remove(path)
        for id_ in waiting:
            if not (self.state.incoming / id_).is_file():
                self.worklist.refuse(id_, "the image is no longer on the disk", (), time.time())


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        if thread.ident is not None:
            thread.join()
