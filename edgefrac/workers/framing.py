"""Messages to and from a guarded child process: a JSON head and blobs of bytes, over a pipe.

uint32 LE: length of the head | head: JSON with "blobs": their lengths | the blobs

Whoever reads one need not trust who wrote it: nothing is unpickled, and no length is believed beyond its limit.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import struct
import time
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("<I")
_LARGEST_HEAD = 1 << 24
_LARGEST_BLOBS = 1 << 31  # of one message together
_PART = 1 << 20

Message = tuple[dict[str, Any], list[bytes]]


class SpokeNoMoreError(Exception):
    """The other side is gone, or does not speak like one of us."""


class NonsenseError(SpokeNoMoreError):
    """The other side is there, and does not speak like one of us."""


class TooSlowError(Exception):
    """The other side did not speak, or listen, in time."""


def widen(pipe: int) -> None:
    """Let a pipe hold as much as an image has, where the system grants it: each time it is full, two processes wait."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PART)


def send(pipe: int, head: dict[str, Any], blobs: Sequence[bytes] = (), seconds: float | None = None) -> None:
    """Write one message to a file descriptor; raises ``SpokeNoMoreError``, and ``TooSlowError`` after ``seconds``.

    With ``seconds`` the descriptor must not block.
    """
    end = None if seconds is None else time.monotonic() + seconds
    text = json.dumps({**head, "blobs": [len(blob) for blob in blobs]}).encode()
    try:
        for part in (_LENGTH.pack(len(text)) + text, *blobs):
            view = memoryview(part)
            while view:
                _await(pipe, select.POLLOUT, end)
                view = view[os.write(pipe, view[:_PART]) :]
    except OSError as error:
        raise SpokeNoMoreError from error


def receive(pipe: int, seconds: float | None = None) -> Message:
    """Read one message; raises ``SpokeNoMoreError``, and ``TooSlowError`` when it is not whole after ``seconds``."""
    end = None if seconds is None else time.monotonic() + seconds
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size, end))
    if length > _LARGEST_HEAD:
        raise NonsenseError
    try:
        head = json.loads(_exactly(pipe, length, end))
        sizes = [int(size) for size in head.pop("blobs")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NonsenseError from error
    if any(size < 0 for size in sizes) or sum(sizes) > _LARGEST_BLOBS:
        raise NonsenseError
    return head, [_exactly(pipe, size, end) for size in sizes]


def _exactly(pipe: int, size: int, end: float | None) -> bytes:
    found = bytearray()
    while len(found) < size:
        _await(pipe, select.POLLIN, end)
        part = os.read(pipe, min(size - len(found), _PART))
        if not part:
            raise SpokeNoMoreError
        found += part
    return bytes(found)


def _await(pipe: int, event: int, end: float | None) -> None:
    """Until the pipe is ready, or broken; raises ``TooSlowError``."""
    if end is None:
        return
    poll = select.poll()
    poll.register(pipe, event)
    if not poll.poll(max(0.0, end - time.monotonic()) * 1000):
        raise TooSlowError
