"""A reader under test: a function of EdgeFrac that takes a file from a stranger, called as the product calls it."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

Change = Callable[[Random, bytes], bytes]
"""A mutator that knows the format."""
Mend = Callable[[bytes], bytes]
"""Makes checksums and seals right again, so that damage gets past them as a forger's would."""


@dataclass(frozen=True)
class Reader:
    """One row of the table of readers; ``read`` may raise ``EdgeFracError`` and nothing else.

    ``seeds`` makes sound files, by name. ``modules`` are imported before any input is timed. A ``guarded`` reader hands
    the file to a native runtime, which the product lets happen in a child process only: that it dies of a signal there
    is counted, and breaks no promise. ``weight`` is its share of the inputs.
    """

    name: str
    read: Callable[[bytes], object]
    seeds: Callable[[], Mapping[str, bytes]]
    changes: tuple[Change, ...] = ()
    mend: Mend | None = None
    modules: tuple[str, ...] = ()
    guarded: bool = False
    weight: float = 1.0


_numbers = itertools.count()


def from_file(read: Callable[[Path], object], suffix: str = "") -> Callable[[bytes], object]:
    """A reader of paths, as one of bytes; every call has a file of its own, for some readers remember paths."""

    def call(data: bytes) -> object:
        with Scratch() as folder:
            path = folder / f"input-{next(_numbers)}{suffix}"
            path.write_bytes(data)
            return read(path)

    return call


@dataclass
class Scratch:
    """A temporary folder, which temporary files of the reader go to as well, gone when it is left."""

    _folder: Path = field(default=Path(), init=False)
    _before: str | None = field(default=None, init=False)

    def __enter__(self) -> Path:
        self._before = tempfile.tempdir
        self._folder = Path(tempfile.mkdtemp(prefix="edgefrac-fuzzing-"))
        tempfile.tempdir = str(self._folder)
        return self._folder

    def __exit__(self, *_: object) -> None:
        tempfile.tempdir = self._before
        shutil.rmtree(self._folder, ignore_errors=True)
