"""A reader of flatbuffer tables by slot number, by the format's definition and nothing of EdgeFrac's."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """One table; slots are numbered as the fields of its schema."""

    data: bytes
    start: int

    @classmethod
    def root(cls, data: bytes) -> Table:
        return cls(data, struct.unpack_from("<I", data)[0])

    def _place(self, slot: int) -> int | None:
        vtable = self.start - struct.unpack_from("<i", self.data, self.start)[0]
        if 4 + 2 * slot >= struct.unpack_from("<H", self.data, vtable)[0]:
            return None
        offset = struct.unpack_from("<H", self.data, vtable + 4 + 2 * slot)[0]
        return self.start + offset if offset else None

    def _follow(self, slot: int) -> int | None:
        place = self._place(slot)
        return None if place is None else place + struct.unpack_from("<I", self.data, place)[0]

    def byte(self, slot: int) -> int:
        place = self._place(slot)
        return 0 if place is None else self.data[place]

    def number(self, slot: int) -> int:
        place = self._place(slot)
        return 0 if place is None else struct.unpack_from("<I", self.data, place)[0]

    def table(self, slot: int) -> Table:
        place = self._follow(slot)
        assert place is not None
        return Table(self.data, place)

    def vector(self, slot: int) -> slice | None:
        """Where the bytes of a vector lie."""
        place = self._follow(slot)
        if place is None:
            return None
        length = struct.unpack_from("<I", self.data, place)[0]
        return slice(place + 4, place + 4 + length)

    def text(self, slot: int) -> str:
        place = self.vector(slot)
        return "" if place is None else self.data[place].decode()

    def tables(self, slot: int) -> list[Table]:
        place = self.vector(slot)
        if place is None:
            return []
        starts = range(place.start, place.start + 4 * (place.stop - place.start), 4)
        return [Table(self.data, start + struct.unpack_from("<I", self.data, start)[0]) for start in starts]


def metadata(model: bytes, name: str) -> bytes:
    """The named metadata buffer of a TFLite file (schema.fbs: Model.buffers is field 4, Model.metadata field 6)."""
    root = Table.root(model)
    entry = next(entry for entry in root.tables(6) if entry.text(0) == name)
    place = root.tables(4)[entry.number(1)].vector(0)
    assert place is not None
    return model[place]
