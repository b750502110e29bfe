"""How a command ends before its work is done: by a signal, for want of memory or of space; in one line, with a hint."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from edgefrac.errors import EdgeFracError, OutputError
from edgefrac.shortage import is_memory

_GO_ON = {
    "train": "go on with the same command and --resume: epochs that were finished stay",
    "sweep": "go on with the same command: trials that are done stay",
    "export": "give the same command again: no bundle was changed",
    "bundle": "give the same command again: no folder was changed",
    "bench": "give the same command again: no report was changed",
    "predict --out": "go on with the same command: answers that were written stay",
    "data fetch": "go on with the same command: what came is kept",
    "data phantom": "give the same command again: the list, which comes last, is not written",
    "serve": "start it again on the same --state: no image that was acknowledged is lost",
}
_SMALLER = {
    "train": "lower optimiser.batch_size or the size of the stages",
    "sweep": "lower the batch sizes or input sizes that it searches",
    "export": "export one target at a time, or fewer radiographs by --data",
    "predict": "lower --processes",
    "evaluate": "lower --processes",
    "serve": "lower --readers",
}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}


class InterruptedBySignal(SystemExit):
    """Status 128 and the signal's number, as shells have it."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within, SIGINT and SIGTERM raise ``InterruptedBySignal``, so that files half made are cleared away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = [signal.signal(number, _end) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _end(number: int, _frame: FrameType | None) -> None:
    raise InterruptedBySignal(number)


def go_on(arguments: Sequence[str]) -> str:
    """How to go on with a command that ended early; empty where it is as if it had not run."""
    found = (hint for key, hint in _GO_ON.items() if _is(key, arguments))
    return next(found, "")


def want_of_means(error: Exception, arguments: Sequence[str]) -> EdgeFracError | None:
    """The error in plain words where memory or space ran out, else None."""
    if is_memory(error):
        hints = [hint for key, hint in _SMALLER.items() if _is(key, arguments)]
        hints = [*hints, "end other programs, or take a machine with more memory", go_on(arguments)]
        return EdgeFracError(f"not enough memory for edgefrac {_name(arguments)}", hint="; ".join(filter(None, hints)))
    if isinstance(error, OutputError) and _name(arguments) != "serve":  # whose errors of this kind come at its start
        return _no_space(error.message, error.hint, arguments)
    if isinstance(error, FileNotFoundError) and "usable temporary directory" in str(error):
        hint = "free some space, or name a folder that has some by TMPDIR"
        return _no_space("temporary files cannot be written anywhere", hint, arguments)
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        from pathlib import Path

        from edgefrac import durable

        unnamed = "standard output, or a temporary file"
        where = Path(error.filename if isinstance(error.filename, str) else unnamed)
        return want_of_means(durable.refused(where, error), arguments)
    return None


def _no_space(message: str, hint: str, arguments: Sequence[str]) -> OutputError:
    return OutputError(message, hint="; then ".join(filter(None, (hint, go_on(arguments)))))


def _name(arguments: Sequence[str]) -> str:
    words = [word for word in arguments if not word.startswith("-")]
    return " ".join(words[: 2 if words[:1] == ["data"] else 1])


def _is(key: str, arguments: Sequence[str]) -> bool:
    command, _, option = key.partition(" --")
    return _name(arguments) == command and (not option or f"--{option}" in arguments)
