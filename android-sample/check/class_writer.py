"""Java class files, version 52, whose methods have no more body than a compiler asks for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

PUBLIC, STATIC, FINAL, SUPER, VARARGS = 0x1, 0x8, 0x10, 0x20, 0x80
INTERFACE, ABSTRACT, ANNOTATION, ENUM = 0x200, 0x400, 0x2000, 0x4000

_THROW_NULL = b"\x01\xbf"


@dataclass(frozen=True)
class Member:
    """A field or method; ``signature`` where its generic type says more than ``descriptor``."""

    access: int
    name: str
    descriptor: str
    signature: str | None = None


@dataclass
class ClassFile:
    """A class by its internal name (``android/view/View$OnClickListener``); ``inner`` has all classes on its way."""

    access: int
    name: str
    parent: str
    interfaces: Sequence[str]
    signature: str | None
    fields: list[Member] = field(default_factory=list)
    methods: list[Member] = field(default_factory=list)
    inner: list[tuple[str, int]] = field(default_factory=list)


class _Pool:
    """The constant pool: each constant once."""

    def __init__(self) -> None:
        self.body, self.count, self._known = b"", 1, dict[tuple[int, bytes], int]()

    def _index(self, tag: int, raw: bytes) -> int:
        if (tag, raw) not in self._known:
            self._known[tag, raw] = self.count
            self.body += bytes([tag]) + raw
            self.count += 1
        return self._known[tag, raw]

    def text(self, text: str) -> int:
        raw = text.encode()
        return self._index(1, struct.pack(">H", len(raw)) + raw)

    def class_(self, name: str) -> int:
        return self._index(7, struct.pack(">H", self.text(name)))


def written(file: ClassFile) -> bytes:
    """The class file's bytes."""
    pool = _Pool()
    body = struct.pack(">HHH", file.access, pool.class_(file.name), pool.class_(file.parent))
    body += struct.pack(">H", len(file.interfaces)) + b"".join(
        struct.pack(">H", pool.class_(i)) for i in file.interfaces
    )
    for members, with_code in ((file.fields, False), (file.methods, True)):
        body += struct.pack(">H", len(members)) + b"".join(_member(pool, member, with_code) for member in members)
    attributes = []
    if file.inner:
        attributes.append(_attribute(pool, "InnerClasses", _inner(pool, file.inner)))
    if file.signature:
        attributes.append(_signature(pool, file.signature))
    body += struct.pack(">H", len(attributes)) + b"".join(attributes)
    return struct.pack(">IHHH", 0xCAFEBABE, 0, 52, pool.count) + pool.body + body


def _attribute(pool: _Pool, name: str, content: bytes) -> bytes:
    return struct.pack(">HI", pool.text(name), len(content)) + content


def _signature(pool: _Pool, signature: str) -> bytes:
    return _attribute(pool, "Signature", struct.pack(">H", pool.text(signature)))


def _inner(pool: _Pool, inner: Sequence[tuple[str, int]]) -> bytes:
    content = struct.pack(">H", len(inner))
    for name, access in inner:
        outer, _, simple = name.rpartition("$")
        content += struct.pack(">HHHH", pool.class_(name), pool.class_(outer), pool.text(simple), access)
    return content


def _member(pool: _Pool, member: Member, with_code: bool) -> bytes:
    attributes = []
    if with_code and not member.access & ABSTRACT:
        # all parameters, long ones twice, and this
        code = struct.pack(">HHI", 1, 2 * len(member.descriptor) + 1, len(_THROW_NULL)) + _THROW_NULL
        attributes.append(_attribute(pool, "Code", code + struct.pack(">HH", 0, 0)))
    if member.signature:
        attributes.append(_signature(pool, member.signature))
    head = struct.pack(">HHH", member.access, pool.text(member.name), pool.text(member.descriptor))
    return head + struct.pack(">H", len(attributes)) + b"".join(attributes)
