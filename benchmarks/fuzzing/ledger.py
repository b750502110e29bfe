"""What a worker has done so far, in memory that outlives it: how it died is told by what it was about to do."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, fields
from pathlib import Path
from typing import BinaryIO


@dataclass
class Tally:
    """Of a range of inputs; ``number`` is the one at work since ``started_ns``, 0 between two.

    ``slowest`` and ``hungriest`` are the inputs that took ``slowest_us`` and ``peak_kb`` more memory than was used.
    """

    number: int = -1
    started_ns: int = 0
    read: int = 0
    refused: int = 0
    other: int = 0
    slowest: int = -1
    slowest_us: int = 0
    hungriest: int = -1
    peak_kb: int = 0
    spent_us: int = 0


_FORMAT = f"<{len(fields(Tally))}q"
SIZE = struct.calcsize(_FORMAT)


class Ledger:
    """A ``Tally`` in a file that several processes map."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(SIZE))
        self._file: BinaryIO = path.open("r+b")
        self._memory = mmap.mmap(self._file.fileno(), SIZE)

    def write(self, tally: Tally) -> None:
        """Store all numbers."""
        struct.pack_into(_FORMAT, self._memory, 0, *(getattr(tally, field.name) for field in fields(tally)))

    def read(self) -> Tally:
        """What was stored last."""
        return Tally(*struct.unpack_from(_FORMAT, self._memory, 0))
