"""Flatbuffers without their schema: a bounds-checked walk over a few tables, and what it takes to write some.

Reading a damaged file raises ValueError or struct.error here, before any runtime sees it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import flatbuffers


@dataclass(frozen=True)
class Table:
    """One flatbuffer table; every offset is checked against the file before it is followed."""

    data: bytes
    start: int

    @classmethod
    def root(cls, data: bytes) -> Table:
        """The table that a file starts from."""
        return cls(data, u32(data, 0))

    @property
    def vtable(self) -> int:
        """Where the places of the table's fields are written."""
        found = self.start - int(struct.unpack_from("<i", self.data, self.start)[0])
        if not 0 <= found <= len(self.data) - 4:
            raise ValueError("table points outside the file")
        return found

    def place(self, index: int) -> int | None:
        """Where field ``index`` lies; None for one that is not written."""
        vtable = self.vtable
        size = struct.unpack_from("<H", self.data, vtable)[0]
        slot = 4 + 2 * index
        if slot + 2 > size:
            return None
        offset = struct.unpack_from("<H", self.data, vtable + slot)[0]
        return self.start + offset if offset else None

    def u32(self, index: int) -> int:
        """An unsigned number of 32 bits."""
        position = self.place(index)
        return 0 if position is None else u32(self.data, position)

    def byte(self, index: int) -> int:
        """An unsigned number of 8 bits."""
        position = self.place(index)
        return 0 if position is None else int(struct.unpack_from("<B", self.data, position)[0])

    def blob(self, index: int) -> slice:
        """Where a string or a vector of bytes lies."""
        start, length = self._vector(index)
        if start + length > len(self.data):
            raise ValueError("data ends beyond the file")
        return slice(start, start + length)

    def table(self, index: int) -> Table:
        """A table; raises ValueError where there is none."""
        position = self.place(index)
        if position is None:
            raise ValueError("a table is missing")
        return Table(self.data, position + u32(self.data, position))

    def tables(self, index: int) -> list[Table]:
        """A vector of tables."""
        start, length = self._vector(index)
        if start + 4 * length > len(self.data):
            raise ValueError("vector ends beyond the file")
        places = range(start, start + 4 * length, 4)
        return [Table(self.data, place + u32(self.data, place)) for place in places]

    def numbers(self, index: int) -> list[int]:
        """A vector of unsigned numbers of 32 bits."""
        start, length = self._vector(index)
        if start + 4 * length > len(self.data):
            raise ValueError("vector ends beyond the file")
        return [u32(self.data, place) for place in range(start, start + 4 * length, 4)]

    def _vector(self, index: int) -> tuple[int, int]:
        position = self.place(index)
        if position is None:
            return 0, 0
        start = position + u32(self.data, position)
        return start + 4, u32(self.data, start)


def u32(data: bytes, position: int) -> int:
    """An unsigned number of 32 bits; raises struct.error beyond the file."""
    return int(struct.unpack_from("<I", data, position)[0])


def add_table(
    builder: flatbuffers.Builder,
    slots: int,
    offsets: Mapping[int, int],
    bytes_: Mapping[int, int] | None = None,
    numbers: Mapping[int, int] | None = None,
) -> int:
    """Write a table of ``slots`` fields: what was written before, numbers of 8 bits, and of 32; returns its offset."""
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in (numbers or {}).items():
        builder.PrependUint32Slot(slot, value, 0)
    for slot, value in (bytes_ or {}).items():
        builder.PrependInt8Slot(slot, value, 0)
    return int(builder.EndObject())


def add_vector(builder: flatbuffers.Builder, tables: Sequence[int]) -> int:
    """Write a vector of tables; returns its offset."""
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())
