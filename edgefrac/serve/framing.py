"""Messages between the server and its readers: a JSON head and blobs of bytes, over a pipe. Nothing is unpickled.

uint32 LE: length of the head | head: JSON with "blobs": their lengths | the blobs
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("<I")
_LARGEST_HEAD = 1 << 24
_LARGEST_BLOB = 1 << 30

Message = tuple[dict[str, Any], list[bytes]]


class SpokeNoMoreError(Exception):
    """The other side is gone, or does not speak like one of us."""


class TooSlowError(Exception):
    """The other side did not speak in time."""


def send(pipe: int, head: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Write one message to a file descriptor; raises ``SpokeNoMoreError``."""
    text = json.dumps({**head, "blobs": [len(blob) for blob in blobs]}).encode()
    try:
        for part in (_LENGTH.pack(len(text)) + text, *blobs):
            view = memoryview(part)
            while view:
                view = view[os.write(pipe, view) :]
    except OSError as error:
        raise SpokeNoMoreError from error


def receive(pipe: int, seconds: float | None = None) -> Message:
    """Read one message; raises ``SpokeNoMoreError``, and ``TooSlowError`` when it is not whole after ``seconds``."""
    end = None if seconds is None else time.monotonic() + seconds
    (length,) = _LENGTH.unpack(_exactly(pipe, _LENGTH.size, end))
    if length > _LARGEST_HEAD:
        raise SpokeNoMoreError
    try:
        head = json.loads(_exactly(pipe, length, end))
        sizes = [int(size) for size in head.pop("blobs")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpokeNoMoreError from error
    if any(not 0 <= size <= _LARGEST_BLOB for size in sizes):
        raise SpokeNoMoreError
    return head, [_exactly(pipe, size, end) for size in sizes]


def _exactly(pipe: int, size: int, end: float | None) -> bytes:
    found = bytearray()
    while len(found) < size:
        if end is not None and not select.select([pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TooSlowError
        part = os.read(pipe, min(size - len(found), 1 << 20))
        if not part:
            raise SpokeNoMoreError
        found += part
    return bytes(found)
