"""The readers: guarded processes behind one queue. One that dies or stands still is replaced, its image refused."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefrac.contract import Contract
from edgefrac.errors import BusyError, EdgeFracError, ImageError, ModelFileError, OutputError
from edgefrac.serve.answer import NAMELESS
from edgefrac.serve.reader_process import Reading
from edgefrac.workers.child import Child, ChildLostError, LateError, OverMemoryError, UnopenedError
from edgefrac.workers.framing import Message
from edgefrac.workers.limits import Limits as ChildLimits

log = logging.getLogger("edgefrac.serve")

_BEFORE_NEXT_TRY = 2.0  # seconds


class ReaderLostError(ImageError):
    """A reader died, or was stopped, while it read an image."""


@dataclass(frozen=True)
class Limits:
    """What one image may cost a reader, and how many jobs may wait."""

    seconds: float = 30.0
    megabytes: int = 3000
    waiting: int = 64


@dataclass(frozen=True)
class _Job:
    head: dict[str, Any]
    blobs: Sequence[bytes]
    reply: Future[Message]


class Readers:
    """``count`` readers of one model (None: the bundled reference), each with so many threads.

    Raises ``ModelFileError`` where the model cannot be used.
    """

    def __init__(self, model: Path | None, count: int, threads: int = 1, limits: Limits | None = None) -> None:
        self.count = count
        self.limits = limits or Limits()
        self.replaced = 0
        """Readers that were lost over an image."""
        self._lost: set[str] = set()
        self._reading = Reading(model, threads)
        self._jobs: queue.Queue[_Job | None] = queue.Queue(self.limits.waiting)
        self._closed = False
        children = [self._child() for _ in range(count)]
        try:
            for child in children:
                _ready(child)
            head, _ = children[0].ask({"do": "tell"})
        except (EdgeFracError, ChildLostError) as error:
            for child in children:
                child.kill()
            hint = error.hint if isinstance(error, EdgeFracError) else ""
            raise ModelFileError(str(error), hint=hint) from None
        self.contract = Contract.model_validate(head["contract"])
        """What the model promises."""
        self.model_sha256: str = head["sha256"]
        self._threads = [
            threading.Thread(target=self._serve, args=(child,), name=f"reader-{number}", daemon=True)
            for number, child in enumerate(children)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def up(self) -> int:
        """Readers that are at work or ready."""
        return self.count - len(self._lost)

    @property
    def waiting(self) -> int:
        """Jobs that no reader has taken yet."""
        return self._jobs.qsize()

    def submit(self, head: dict[str, Any], blobs: Sequence[bytes] = ()) -> Future[Message]:
        """Queue a job of ``reader_process``: its reply, ``ImageError``, ``OutputError`` or ``BusyError``.

        Raises ``BusyError`` where too many wait.
        """
        job = _Job(head, blobs, Future())
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            hint = "send it again in some seconds"
            raise BusyError(f"{self.limits.waiting} images wait already", hint=hint) from None
        return job.reply

    def close(self) -> None:
        """Finish what is queued, then end all readers."""
        self._closed = True
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, reader: Child) -> None:
        child: Child | None = reader
        while job := self._jobs.get():
            if not job.reply.set_running_or_notify_cancel():
                continue
            if child is None:
                job.reply.set_exception(BusyError("the readers are ending", hint="send it again later"))
                continue
            try:
                reply = _ask(child, job)
            except EdgeFracError as error:
                if lost := child.closed:
                    self.replaced += 1
                    self._lost.add(threading.current_thread().name)
                job.reply.set_exception(error)
                if lost:
                    child = self._replacement()
            else:
                job.reply.set_result(reply)
        if child:
            child.kill()

    def _replacement(self) -> Child | None:
        """A new reader; where none comes up, for lack of memory, say, it is tried again until one does, or the end."""
        while not self._closed:
            child = None
            try:
                child = self._child()
                _ready(child)
            except Exception as error:
                log.error("a reader cannot be started (%s); tried again", type(error).__name__)
                if child:
                    child.kill()
                time.sleep(_BEFORE_NEXT_TRY)
            else:
                self._lost.discard(threading.current_thread().name)
                return child
        return None

    def _child(self) -> Child:
        return Child(self._reading, ChildLimits(self.limits.seconds, self.limits.megabytes))


def _ready(child: Child) -> None:
    """Wait until a reader has its model open; raises what keeps it from that."""
    try:
        child.hear()
    except UnopenedError as error:
        raise ModelFileError(f"the model cannot be opened: {error.reason}") from None


def _ask(child: Child, job: _Job) -> Message:
    try:
        return child.ask(job.head, job.blobs)
    except OverMemoryError:
        raise ImageError(f"{NAMELESS}: needs more memory than a reader may have") from None
    except LateError:
        raise ReaderLostError(f"{NAMELESS}: not read within {child.limits.seconds:g} seconds") from None
    except ChildLostError:
        raise ReaderLostError(f"{NAMELESS}: its decoder crashed") from None
    except (ImageError, OutputError):
        raise
    except EdgeFracError as error:
        raise ImageError(error.message, hint=error.hint) from None
    except MemoryError:  # here, where the answer is heard: the image may be sound
        raise BusyError("memory is short", hint="send it again later") from None
    except Exception as error:  # its words may be of the image's making
        raise ImageError(f"{NAMELESS}: cannot be read ({type(error).__name__})") from None
