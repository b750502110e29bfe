"""A guarded child process as its parent sees it: it may crash, hang or want all memory, and lie, without harm here.

It comes up with a service, answers one message after the other, and is held to ``Limits`` by itself and from here. What
it says is JSON and bytes (``framing``): it has handled bytes from strangers, so nothing of it is unpickled. What it is
told is the parent's own: the service goes there as a pickle.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from edgefrac.errors import WorkersError
from edgefrac.workers.framing import Message, NonsenseError, SpokeNoMoreError, TooSlowError, receive, send, widen
from edgefrac.workers.limits import Limits
from edgefrac.workers.raised import recreated

# the same modules as here, wherever they were found
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from edgefrac.workers.child_process import main; main()"
)
_FAREWELL_SECONDS = 2.0
_NONSENSE = "its process answered nonsense"

Answering = Callable[[dict[str, Any], list[bytes]], Message]


class Service(Protocol):
    """What a child process does with messages: small and picklable, with all that is costly made by ``open``."""

    def open(self) -> Answering:
        """Called once, there."""


class ChildLostError(Exception):
    """A child that gave no answer; says why, and the next step where there is one."""

    hint = ""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CrashedError(ChildLostError):
    """It has ended."""


class LateError(ChildLostError):
    """It did not answer in time, and was ended."""


class OverMemoryError(ChildLostError):
    """It needs more memory than it may have; it goes on with the next message."""

    hint = "a smaller image needs less; end other programs, or take a machine with more memory"


class UnopenedError(WorkersError):
    """A child that was lost while it opened its service; ``reason`` is how."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"a worker process could not start: {reason}")
        self.reason = reason


class Child:
    """A process that has opened ``service``, or does so yet."""

    def __init__(self, service: Service, limits: Limits) -> None:
        self.limits = limits
        command = [sys.executable, "-P", "-c", _BOOT, json.dumps(sys.path), type(service).__name__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin, self._process.stdout
        os.set_blocking(self._to.fileno(), False)
        for pipe in (self._to, self._from):
            widen(pipe.fileno())
        self.open = False
        """Whether it has said that its service is open."""
        self.deadline = time.monotonic() + limits.opening_seconds
        """Until when it has to speak, by ``time.monotonic``."""
        # one that is gone already will be heard of
        with contextlib.suppress(SpokeNoMoreError, TooSlowError):
            head = {"limits": asdict(limits)}
            send(self._to.fileno(), head, [pickle.dumps(service)], limits.opening_seconds)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def closed(self) -> bool:
        """Whether it was taken away."""
        return self._from.closed

    @property
    def awaited(self) -> bool:
        """Whether it owes an answer."""
        return not self.closed and self.deadline != float("inf")

    def fileno(self) -> int:
        """Readable when there is something to hear."""
        return self._from.fileno()

    def tell(self, head: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Hand over a message; raises ``ChildLostError``, whereupon the child is no more."""
        self.deadline = time.monotonic() + self.limits.seconds
        try:
            send(self._to.fileno(), head, blobs, self.limits.seconds)
        except SpokeNoMoreError:
            raise CrashedError(self._how_it_ended()) from None
        except TooSlowError:
            raise self.late() from None
        except BaseException:  # for want of memory, say: what was half said cannot be taken back
            self.kill()
            raise

    def hear(self) -> Message | None:
        """Its answer; None where it only opened its service.

        Raises what the service raised, ``ChildLostError``, and ``UnopenedError`` where that is before it was open.
        """
        try:
            return self._hear()
        except ChildLostError as error:
            if self.open:
                raise
            self.kill()
            raise UnopenedError(error.reason) from None

    def ask(self, head: dict[str, Any], blobs: Sequence[bytes] = ()) -> Message:
        """``tell``, then ``hear``, of a child that is open."""
        self.tell(head, blobs)
        answer = self.hear()
        assert answer is not None
        return answer

    def late(self) -> LateError:
        """End the process, which is late; gives the error that says so."""
        self.kill()
        seconds = self.limits.seconds if self.open else self.limits.opening_seconds
        return LateError(f"no answer within {seconds:g} seconds")

    def nonsense(self) -> CrashedError:
        """End the process, which is not itself any more; gives the error that says so."""
        self.kill()
        return CrashedError(_NONSENSE)

    def close(self) -> None:
        """End an idle process: it goes by itself when it is spoken to no more."""
        self._to.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_FAREWELL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    def _hear(self) -> Message | None:
        try:
            left = min(self.deadline - time.monotonic(), self.limits.opening_seconds)  # an idle one has no deadline
            head, blobs = receive(self._from.fileno(), max(0.0, left))
        except NonsenseError:
            raise self.nonsense() from None
        except SpokeNoMoreError:
            raise CrashedError(self._how_it_ended()) from None
        except TooSlowError:
            raise self.late() from None
        except BaseException:  # the rest would be taken for the next answer
            self.kill()
            raise
        self.deadline = float("inf")
        match head:
            case {"reply": dict(reply)} if self.open:
                return reply, blobs
            case {"opened": True} if not self.open:
                self.open = True
                return None
            case {"memory": "limit"}:
                limits = self.limits
                megabytes = limits.megabytes if self.open else limits.opening_megabytes
                raise OverMemoryError(f"it needs more than {megabytes} MB of memory")
            case {"memory": "parent"}:
                raise OverMemoryError("it needs more memory than this process and those that it starts may have")
            case {"raised": document}:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    raise recreated(document)
        raise self.nonsense()

    def _how_it_ended(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_FAREWELL_SECONDS)
        status = self._process.poll()
        self.kill()
        if status is None:
            return _NONSENSE
        if status >= 0:
            return f"its process ended with status {status}"
        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(-status).name}"
        return f"its process was ended by signal {-status}"
