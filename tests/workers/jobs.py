"""Works whose processes do what decoders do on a bad day."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from edgefrac.errors import MissingExtraError


@dataclass(frozen=True)
class Doubling:
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
class Chatty:
    """Writes to standard output past Python, as native libraries do."""

    def open(self) -> Callable[[int], int]:
        return lambda number: os.write(1, b"chatter\n")

    def packed(self) -> Chatty:
        return self


@dataclass(frozen=True)
class Unopenable:
    """Ends its process, or raises, before there is anything to do."""

    crash: bool

    def open(self) -> Callable[[int], int]:
        if self.crash:
            os.kill(os.getpid(), signal.SIGKILL)
        raise MissingExtraError("the work", "onnx")

    def packed(self) -> Unopenable:
        return self
