"""The readers: child processes behind one queue. A reader that dies or stands still is replaced, its image refused."""

from __future__ import annotations

import queue
import subprocess
import sys
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
from edgefrac.serve.framing import Message, SpokeNoMoreError, TooSlowError, receive, send

_STARTING_SECONDS = 120.0
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
        self._command = [
            *(sys.executable, "-P", "-m", "edgefrac.serve.reader_process"),
            *(str(model or ""), str(threads), str(self.limits.megabytes), str(self.limits.seconds)),
        ]
        self._jobs: queue.Queue[_Job | None] = queue.Queue(self.limits.waiting)
        self._closed = False
        children = [self._child() for _ in range(count)]
        try:
            heads = [_ready(child) for child in children]
        except ModelFileError:
            for child in children:
                _end(child)
            raise
        self.contract = Contract.model_validate(heads[0]["contract"])
        """What the model promises."""
        self.model_sha256: str = heads[0]["sha256"]
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
        """Queue a job of ``reader_process``: its reply, ``ImageError`` or ``OutputError``. Raises ``BusyError``."""
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

    def _serve(self, child: subprocess.Popen[bytes]) -> None:
        while job := self._jobs.get():
            if not job.reply.set_running_or_notify_cancel():
                continue
            try:
                reply = self._ask(child, job)
            except ReaderLostError as error:
                _end(child)
                child = self._replacement()
                job.reply.set_exception(error)
            except EdgeFracError as error:
                job.reply.set_exception(error)
            else:
                job.reply.set_result(reply)
        _end(child)

    def _ask(self, child: subprocess.Popen[bytes], job: _Job) -> Message:
        assert child.stdin and child.stdout
        try:
            send(child.stdin.fileno(), job.head, job.blobs)
            head, blobs = receive(child.stdout.fileno(), self.limits.seconds)
        except SpokeNoMoreError:
            raise ReaderLostError(f"{NAMELESS}: its decoder crashed") from None
        except TooSlowError:
            raise ReaderLostError(f"{NAMELESS}: not read within {self.limits.seconds:g} seconds") from None
        if "disk" in head:
            raise OutputError(head["error"])
        if "error" in head:
            raise ImageError(head["error"], hint=head.get("hint", ""))
        return head, blobs

    def _replacement(self) -> subprocess.Popen[bytes]:
        """A new reader; where none comes up, for lack of memory, say, it is tried again until one does."""
        self.replaced += 1
        self._lost.add(threading.current_thread().name)
        while True:
            child = self._child()
            try:
                _ready(child)
            except ModelFileError:
                if self._closed:
                    return child
                time.sleep(_BEFORE_NEXT_TRY)
            else:
                self._lost.discard(threading.current_thread().name)
                return child

    def _child(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)


def _ready(child: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What a reader says when it has its model open."""
    assert child.stdout
    try:
        head, _ = receive(child.stdout.fileno(), _STARTING_SECONDS)
    except (SpokeNoMoreError, TooSlowError):
        _end(child)
        raise ModelFileError("the model cannot be opened: its runtime crashed or never came up") from None
    if "error" in head:
        _end(child)
        raise ModelFileError(head["error"], hint=head.get("hint", ""))
    return head


def _end(child: subprocess.Popen[bytes]) -> None:
    """Take a reader away, whatever it does."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()
