"""File or bytes -> radiograph by a process of their own, which they may crash: whoever reads here survives every file.

One such process is started with the first image and serves this one until it ends. A process that is guarded itself
decodes by itself.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from edgefrac.errors import ImageError
from edgefrac.imaging.message import from_message, to_message
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.voi import WindowChoice
from edgefrac.workers.child import Answering, Child, ChildLostError
from edgefrac.workers.child_process import is_guarded
from edgefrac.workers.framing import Message
from edgefrac.workers.limits import Limits


@dataclass(frozen=True)
class Decoding:
    """The service: a message's blob is a file's content, ``name`` what errors call it; the reply is its radiograph."""

    def open(self) -> Answering:
        """Load the decoders."""
        from edgefrac.imaging.read import decode_radiograph

        def answer(head: dict[str, Any], blobs: list[bytes]) -> Message:
            window = head["window"]
            window = tuple(window) if isinstance(window, list) else window
            return to_message(decode_radiograph(blobs[0], head["name"], window=window))

        return answer


class Decoder:
    """A guarded process that decodes, started when it is first needed and again after an image that it did not bear."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._child: Child | None = None
        self._lock = threading.Lock()  # one image at a time

    def decode(self, data: bytes, name: str, window: WindowChoice | None = None) -> Radiograph:
        """As ``decode_guarded``."""
        with self._lock:
            try:
                child = self._told({"name": name, "window": window}, data)
                answer = child.hear()
                assert answer is not None
                try:
                    return from_message(answer, name)
                except ValueError:
                    raise child.nonsense() from None
            except ChildLostError as error:
                raise ImageError(f"{name}: {error.reason}", hint=error.hint) from None
            finally:
                self._leave_nothing_unheard()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._child is not None:
                self._child.close()
                self._child = None

    def _told(self, head: dict[str, Any], data: bytes) -> Child:
        child = self._ready()
        try:
            child.tell(head, [data])
        except ChildLostError:  # it had ended while it was idle, by no fault of this image
            child = self._ready()
            child.tell(head, [data])
        return child

    def _ready(self) -> Child:
        if self._child is None:
            Finalize(self, self.close, exitpriority=0)  # of this process, also where multiprocessing started it
        if self._child is None or self._child.closed:
            self._child = Child(Decoding(), self._limits)
            self._child.hear()
        return self._child

    def _leave_nothing_unheard(self) -> None:
        """Where Ctrl-C came between, the answer would be taken for that to the next image."""
        if self._child is not None and self._child.awaited:
            self._child.kill()


def read_guarded(path: Path, *, window: WindowChoice | None = None) -> Radiograph:
    """As ``read_radiograph``, in the guarded process of this one."""
    from edgefrac.imaging.read import read_bytes

    return decode_guarded(read_bytes(path), str(path), window=window)


def decode_guarded(data: bytes, name: str, *, window: WindowChoice | None = None) -> Radiograph:
    """As ``decode_radiograph``, in the guarded process of this one.

    What crashes it, or takes more time or memory than ``Limits`` allow, is an ``ImageError``. Raises ``WorkersError``
    where no process can be had.
    """
    if is_guarded():
        from edgefrac.imaging.read import decode_radiograph

        return decode_radiograph(data, name, window=window)
    return _decoder.decode(data, name, window)


_decoder: Decoder


def _renew() -> None:
    """A forked process shares neither pipes nor locks with the one that it comes from."""
    global _decoder
    _decoder = Decoder(Limits())


_renew()
os.register_at_fork(after_in_child=_renew)
