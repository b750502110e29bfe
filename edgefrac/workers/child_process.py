"""The life of a guarded child process; ``child`` is its parent's side."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from edgefrac.workers.framing import Message, SpokeNoMoreError, receive, send
from edgefrac.workers.limits import Held, Limits
from edgefrac.workers.raised import described

_guarded = False


def is_guarded() -> bool:
    """Whether this process is one."""
    return _guarded


def main() -> None:
    """Open the service that the first message brings, then answer until the parent is gone."""
    global _guarded
    _guarded = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal; the first one decides
    pipe_in, pipe_out = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)  # native code prints to standard output, which is for messages
    with contextlib.suppress(SpokeNoMoreError):
        head, (service,) = receive(pipe_in)
        _end_with_parent(pipe_in)
        held = Held(Limits(**head["limits"]))
        do, said = _open(service, nowhere, held)
        send(pipe_out, *said)
        if do is not None:
            held.opened()
            while True:
                message = receive(pipe_in)
                held.begin()
                reply = _reply(do, *message, held)
                held.end()
                send(pipe_out, *reply)
    sys.stderr.flush()
    os._exit(0)  # what runtimes would tidy up now, nobody needs


def _open(service: bytes, nowhere: int, held: Held) -> tuple[Any, Message]:
    """What answers, and the message that says so or why not."""
    try:
        with _unheard(nowhere):
            return pickle.loads(service).open(), ({"opened": True}, [])  # the parent's own, see ``child``
    except MemoryError:
        return None, _out_of_memory(held)
    except Exception as error:
        return None, ({"raised": described(error)}, [])


def _reply(do: Any, head: dict[str, Any], blobs: list[bytes], held: Held) -> Message:
    try:
        answer, parts = do(head, blobs)
    except MemoryError:
        return _out_of_memory(held)
    except Exception as error:
        return {"raised": described(error)}, []
    return {"reply": answer}, parts


def _out_of_memory(held: Held) -> Message:
    return {"memory": "limit" if held.own else "parent"}, []


@contextmanager
def _unheard(nowhere: int) -> Iterator[None]:
    """A runtime that gives up on a file has last words; the parent says the same in one line."""
    kept = os.dup(2)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


def _end_with_parent(pipe_in: int) -> None:
    """A process that hangs would not notice that nobody waits for it, and stay for as long as it may."""

    def watch() -> None:
        poll = select.poll()
        poll.register(pipe_in, 0)  # hanging up is told unasked
        poll.poll()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
