"""Works whose processes do what decoders do on a bad day."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgefrac.errors import MissingExtraError
from edgefrac.workers.framing import Message


class Plain:
    """Answers that are plain JSON."""

    def to_message(self, answer: object) -> Message:
        return {"said": answer}, []

    def from_message(self, item: int, message: Message) -> int:
        return int(message[0]["said"])


@dataclass(frozen=True)
class Doubling(Plain):
    """Doubles numbers; ``crash`` and ``hang`` are the numbers that end or stop its process, ``refuse`` raises."""

    crash: frozenset[int] = frozenset()
    hang: frozenset[int] = frozenset()
    refuse: frozenset[int] = frozenset()

    def open(self) -> Callable[[int], int]:
        return self._double

    def packed(self) -> Doubling:
        return self

    def _double(self, number: int) -> int:
        if number in self.crash:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number in self.hang:
            time.sleep(1000)
        if number in self.refuse:
            raise MissingExtraError(f"number {number}", "dicom")
        return 2 * number


@dataclass(frozen=True)
class Chatty(Plain):
    """Writes to standard output past Python, as native libraries do."""

    def open(self) -> Callable[[int], int]:
        return lambda number: os.write(1, b"chatter\n")

    def packed(self) -> Chatty:
        return self


@dataclass(frozen=True)
class Unopenable(Plain):
    """Ends its process, or raises, before there is anything to do."""

    crash: bool

    def open(self) -> Callable[[int], int]:
        if self.crash:
            os.kill(os.getpid(), signal.SIGKILL)
        raise MissingExtraError("the work", "onnx")

    def packed(self) -> Unopenable:
        return self


@dataclass(frozen=True)
class Greedy(Plain):
    """Wants so many megabytes for an item."""

    def open(self) -> Callable[[int], int]:
        return lambda number: len(bytearray(number << 20)) >> 20

    def packed(self) -> Greedy:
        return self


@dataclass(frozen=True)
class Lying(Plain):
    """Is not itself any more: writes to its parent past the protocol, or answers in another form."""

    how: str

    def open(self) -> Callable[[int], object]:
        return self._lie

    def packed(self) -> Lying:
        return self

    def _lie(self, number: int) -> object:
        if self.how == "form":
            return "no number"
        said = {
            "pickle": pickle.dumps(_Bomb()),
            "length": b"\xff\xff\xff\xff",
            "depth": _framed(b"[" * 100_000),
            "blobs": _framed(b'{"reply": {"said": 2}, "blobs": [99999999999999]}'),
            "half": _framed(b'{"reply": {"said": 2}, "blobs": [5]}'),
            "unasked": _framed(b'{"opened": true, "blobs": []}'),
            "error": _framed(b'{"raised": {"class": ["os.system"], "message": 1}, "blobs": []}'),
        }[self.how]
        for pipe in [int(link.name) for link in Path("/proc/self/fd").iterdir()]:
            if pipe > 2 and stat.S_ISFIFO(_mode(pipe)) and fcntl.fcntl(pipe, fcntl.F_GETFL) & os.O_WRONLY:
                os.write(pipe, said)
        time.sleep(1000)
        return 0


class _Bomb:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.kill, (os.getppid(), signal.SIGKILL)


def _framed(head: bytes) -> bytes:
    return len(head).to_bytes(4, "little") + head


def _mode(pipe: int) -> int:
    try:
        return os.fstat(pipe).st_mode
    except OSError:
        return 0
