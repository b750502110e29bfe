"""What compiled methods refer to: classes, methods and fields, from Java class files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_TARGET_API = "Landroid/annotation/TargetApi;"
# how many bytes follow each opcode, as runs of (last opcode, bytes); the two switches are of their own kind
_RUNS = (
    (0x0F, 0), (0x10, 1), (0x11, 2), (0x12, 1), (0x14, 2), (0x19, 1), (0x35, 0), (0x3A, 1), (0x83, 0), (0x84, 2),
    (0x98, 0), (0xA8, 2), (0xA9, 1), (0xAB, -1), (0xB1, 0), (0xB8, 2), (0xBA, 4), (0xBB, 2), (0xBC, 1), (0xBD, 2),
    (0xBF, 0), (0xC1, 2), (0xC3, 0), (0xC4, -2), (0xC5, 3), (0xC7, 2), (0xC9, 4),
)  # fmt: skip
_OPERANDS = [next(count for last, count in _RUNS if code <= last) for code in range(0xCA)]
_TABLESWITCH, _INVOKEDYNAMIC, _WIDE_IINC = 0xAA, 0xBA, 0x84
_WITH_CONSTANT = {0x12, 0x13, *range(0xB2, 0xBA), 0xBB, 0xBD, 0xC0, 0xC1, 0xC5}


@dataclass(frozen=True)
class Reference:
    """A class, or a member of it; ``descriptor`` is empty for a class itself."""

    owner: str
    name: str = ""
    descriptor: str = ""


@dataclass(frozen=True)
class Method:
    """What a method refers to, and for which API it says it is written (``@TargetApi``, 0 without)."""

    name: str
    descriptor: str
    target: int
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Compiled:
    """A class with the names it extends and implements."""

    name: str
    above: tuple[str, ...]
    target: int
    methods: tuple[Method, ...]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def take(self, form: str) -> int:
        (value,) = struct.unpack_from(f">{form}", self._data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self._data[self.at - count : self.at]


def compiled(data: bytes) -> Compiled:
    """Read one class file."""
    reader = _Reader(data)
    reader.at = 8
    pool = _pool(reader)
    reader.take("H")
    name, parent = (_class(pool, reader.take("H")) for _ in range(2))
    interfaces = [_class(pool, reader.take("H")) for _ in range(reader.take("H"))]
    raw = [[_member(reader, pool) for _ in range(reader.take("H"))] for _ in range(2)][1]
    attributes = _attributes(reader, pool)
    bootstraps = _bootstraps(attributes.get("BootstrapMethods", b""), pool)
    methods = tuple(
        Method(method, descriptor, _target(own, pool), tuple(_references(own.get("Code", b""), pool, bootstraps)))
        for method, descriptor, own in raw
    )
    return Compiled(name, tuple(x for x in (parent, *interfaces) if x), _target(attributes, pool), methods)


def _pool(reader: _Reader) -> list[tuple[int, ...] | str]:
    """Constants by index: texts, and tuples of (tag, index, …); numbers stay empty."""
    pool: list[tuple[int, ...] | str] = [()]
    count = reader.take("H")
    while len(pool) < count:
        tag = reader.take("B")
        if tag == 1:
            pool.append(reader.bytes(reader.take("H")).decode("utf-8", "replace"))
        elif tag in (5, 6):
            reader.bytes(8)
            pool += [(), ()]
        elif tag == 3:
            pool.append((tag, reader.take("i")))
        elif tag == 4:
            pool.append((tag, reader.take("I")))
        elif tag in (7, 8, 16, 19, 20):
            pool.append((tag, reader.take("H")))
        elif tag == 15:
            pool.append((tag, reader.take("B"), reader.take("H")))
        else:
            pool.append((tag, reader.take("H"), reader.take("H")))
    return pool


def _text(pool: list[tuple[int, ...] | str], index: int) -> str:
    found = pool[index]
    assert isinstance(found, str)
    return found


def _class(pool: list[tuple[int, ...] | str], index: int) -> str:
    return _text(pool, int(pool[index][1])) if index else ""


def _reference(pool: list[tuple[int, ...] | str], index: int) -> Reference | None:
    constant = pool[index]
    if not isinstance(constant, tuple) or not constant:
        return None
    if constant[0] == 7:
        return Reference(_class(pool, index))
    if constant[0] in (9, 10, 11):
        pair = pool[constant[2]]
        return Reference(_class(pool, constant[1]), _text(pool, int(pair[1])), _text(pool, int(pair[2])))
    return _reference(pool, constant[2]) if constant[0] == 15 else None


def _attributes(reader: _Reader, pool: list[tuple[int, ...] | str]) -> dict[str, bytes]:
    return {_text(pool, reader.take("H")): reader.bytes(reader.take("I")) for _ in range(reader.take("H"))}


def _member(reader: _Reader, pool: list[tuple[int, ...] | str]) -> tuple[str, str, dict[str, bytes]]:
    reader.take("H")
    return _text(pool, reader.take("H")), _text(pool, reader.take("H")), _attributes(reader, pool)


def _target(attributes: dict[str, bytes], pool: list[tuple[int, ...] | str]) -> int:
    """The value of ``@TargetApi``, the only annotation with one number as its only value that is looked for."""
    for kind in ("RuntimeInvisibleAnnotations", "RuntimeVisibleAnnotations"):
        data = attributes.get(kind, b"")
        for at in range(2, len(data) - 8):
            index, pairs, _, tag, value = struct.unpack_from(">HHHBH", data, at)
            if pairs == 1 and tag == ord("I") and index < len(pool) and pool[index] == _TARGET_API:
                return int(pool[value][1])
    return 0


def _bootstraps(data: bytes, pool: list[tuple[int, ...] | str]) -> list[list[Reference]]:
    """What each lambda or method reference is made of."""
    if not data:
        return []
    reader, found = _Reader(data), []
    for _ in range(reader.take("H")):
        reader.take("H")
        arguments = [reader.take("H") for _ in range(reader.take("H"))]
        found.append([reference for index in arguments if (reference := _reference(pool, index))])
    return found


def _references(code: bytes, pool: list[tuple[int, ...] | str], lambdas: list[list[Reference]]) -> Iterator[Reference]:
    if not code:
        return
    start, at = 8, 8
    end = start + struct.unpack_from(">I", code, 4)[0]
    while at < end:
        opcode = code[at]
        if opcode in _WITH_CONSTANT:
            index = code[at + 1] if opcode == 0x12 else struct.unpack_from(">H", code, at + 1)[0]
            if reference := _reference(pool, index):
                yield reference
        elif opcode == _INVOKEDYNAMIC:
            constant = pool[struct.unpack_from(">H", code, at + 1)[0]]
            yield from lambdas[int(constant[1])]
        at += 1 + _operands(code, at, start)


def _operands(code: bytes, at: int, start: int) -> int:
    """How many bytes follow the opcode at ``at``."""
    count = _OPERANDS[code[at]]
    if count == -2:
        return 5 if code[at + 1] == _WIDE_IINC else 3
    if count >= 0:
        return count
    padding = -(at - start + 1) % 4
    _, second, third = struct.unpack_from(">iii", code, at + 1 + padding)
    return padding + (12 + 4 * (int(third) - int(second) + 1) if code[at] == _TABLESWITCH else 8 + 8 * int(second))
