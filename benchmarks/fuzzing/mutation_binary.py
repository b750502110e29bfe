"""Damage to binary formats by their own structure: elements, fields, members, what is compressed inside."""

from __future__ import annotations

import gzip
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from random import Random

from benchmarks.fuzzing.mutation import LONGEST, blunt, extreme
from benchmarks.fuzzing.mutation_text import change_json, change_markup, change_table, change_yaml
from benchmarks.fuzzing.reader import Change

_LONG_FORM = {b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UN", b"UR", b"UT", b"SV", b"UV"}
_VRS = (b"OB", b"OW", b"SQ", b"UN", b"US", b"SS", b"DS", b"IS", b"CS", b"FD", b"FL", b"AT", b"LO", b"UI", b"UT", b"ZZ")
_NUMBERS = ("", "0", "-1", "1", "1e400", "nan", "65535", "65536", "4294967296", "1\\2", "0.0000001", "x", "99999999999")
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_SEQUENCE = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"  # an item of undefined length


def change_dicom(random: Random, data: bytes) -> bytes:
    """One element of a DICOM file: its tag, VR, length or value; or it goes, comes twice, or holds sequences."""
    if _DEFLATED in data[:400] and random.random() < 0.8:
        start = 144 + int.from_bytes(data[140:144], "little")
        return data[:start] + _inside_deflate(random, data[start:], change_elements)
    return change_elements(random, data)


def change_elements(random: Random, data: bytes) -> bytes:
    """As ``change_dicom``, of a data set that is not compressed as a whole."""
    elements = list(_elements(data))
    if not elements:
        return blunt(random, data)
    start, header, stop = random.choice(elements)
    kind = random.randrange(9)
    head, value = data[start : start + header], data[start + header : stop]
    if kind == 0:
        new = b""
    elif kind == 1:
        new = data[start:stop] * 2
    elif kind == 2:
        new = random.randbytes(4) + head[4:] + value
    elif kind == 3:
        new = head[:4] + random.choice(_VRS) + head[6:] + value
    elif kind == 4:
        at = 6 if header == 8 else 8
        new = head[:at] + extreme(random, head[at:]) + value
    elif kind == 5:
        text = random.choice(_NUMBERS).encode()
        new = _with_value(head, text + b" " * (len(text) % 2))
    elif kind == 6:
        new = _with_value(head[:4] + b"SQ\0\0" + bytes(4), _SEQUENCE * random.choice((1, 3, 400, 3000)))
    elif kind == 7:
        new = _with_value(head, blunt(random, value))
    else:
        other = random.choice(elements)
        new = _with_value(head, data[other[0] + other[1] : other[2]])
    return data[:start] + new + data[stop:]


def change_deflated(random: Random, data: bytes) -> bytes:
    """Damage inside of gzip."""
    if not data.startswith(b"\x1f\x8b"):
        return blunt(random, data)
    try:
        return gzip.compress(blunt(random, gzip.decompress(data)[:LONGEST]), 1, mtime=0)
    except (OSError, EOFError, zlib.error):
        return blunt(random, data)


def change_protobuf(random: Random, data: bytes) -> bytes:
    """One field of a protobuf, at any depth; the lengths of the messages around it follow."""
    found = list(_fields(data))
    if not found:
        return blunt(random, data)
    begin, start, stop, kind = random.choice(found)
    content = data[start:stop]
    choice = random.randrange(6)
    if choice == 0:
        return data[:begin] + data[stop:]
    if choice == 1:
        return data[:stop] + data[begin:stop] * random.choice((1, 2, 50)) + data[stop:]
    if kind == 2:
        if choice in (2, 3):
            inner = change_protobuf(random, content)
        else:
            inner = change_json(random, content) if content.startswith(b"{") else blunt(random, content)
        return data[:begin] + _key(data, begin) + _varint(len(inner)) + inner + data[stop:]
    value = random.choice((0, 1, 2, 7, 127, 128, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1))
    return data[:start] + (_varint(value) if kind == 0 else extreme(random, content)) + data[stop:]


def change_words(random: Random, data: bytes) -> bytes:
    """One of the aligned 32-bit numbers that offsets and lengths of a flatbuffer are."""
    if len(data) < 8:
        return data
    at = random.randrange(len(data) // 4) * 4
    old = int.from_bytes(data[at : at + 4], "little")
    near = (old + random.choice((-8, -4, -1, 1, 4, 8)), random.randrange(len(data)), len(data) - at, 2 * old, -old)
    value = random.choice((*near, 0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 16, 1 << 20))
    return data[:at] + (value % (1 << 32)).to_bytes(4, "little") + data[at + 4 :]


def change_safetensors(random: Random, data: bytes) -> bytes:
    """The header's JSON, with its length right or nearly so."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= len(data) - 8:
        return blunt(random, data)
    header = change_json(random, data[8 : 8 + length])
    stated = len(header) if random.random() < 0.9 else random.choice((0, 1, len(header) + 1, 2**31, 2**63, 2**64 - 1))
    return stated.to_bytes(8, "little") + header + data[8 + length :]


def by_content(random: Random, data: bytes) -> bytes:
    """The change that goes with what a file seems to be."""
    if data.startswith(b"{"):
        return change_json(random, data)
    if data.startswith(b"<"):
        return change_markup(random, data)
    if not data.isascii():
        return blunt(random, data)
    return (change_table if data.count(b",") > data.count(b": ") else change_yaml)(random, data)


def zip_changer(change_member: Change) -> Change:
    """Damage to a .zip: to what a member holds, to its name, to how many there are of it."""

    def change(random: Random, data: bytes) -> bytes:
        try:
            members = read_zip(data)
        except (zipfile.BadZipFile, OSError, ValueError, zlib.error, NotImplementedError, RuntimeError, EOFError):
            return blunt(random, data)
        if not members:
            return blunt(random, data)
        at = random.randrange(len(members))
        name, content = members[at]
        kind = random.randrange(6)
        if kind == 0:
            del members[at]
        elif kind == 1:
            odd = (
                "../" + name,
                "/" + name,
                name.upper(),
                name + "/",
                "a/" * 300 + name,
                "\0",
                "C:\\x",
                "",
                "ä\udcff",
                "x" * 300,
            )
            members[at] = (random.choice(odd), content)
        elif kind == 2:
            members.insert(random.randrange(len(members)), members[at])
        else:
            members[at] = (name, change_member(random, content))
        return write_zip(members, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))

    return change


def read_zip(data: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of the members, small ones only."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist() if info.file_size < LONGEST]


def write_zip(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A .zip of these members, the same bytes each time."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", compression) as archive:
        warnings.simplefilter("ignore")  # the same name twice is meant
        for name, content in members:
            info = zipfile.ZipInfo(name.encode("utf-8", "replace").decode() or "x", (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, content, compression)
    return stream.getvalue()


def _inside_deflate(random: Random, packed: bytes, change: Change) -> bytes:
    try:
        plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, LONGEST)
    except zlib.error:
        return blunt(random, packed)
    packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    return packer.compress(change(random, plain)) + packer.flush()


def _elements(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, bytes of the header, end) of each element of an explicit little-endian data set, sequences flat."""
    at = 132 if data[128:132] == b"DICM" else 0
    while at + 8 <= len(data):
        vr = data[at + 4 : at + 6]
        if not vr.isalpha():
            return
        header = 12 if vr in _LONG_FORM else 8
        length = int.from_bytes(data[at + header - (4 if header == 12 else 2) : at + header], "little")
        if length == 0xFFFFFFFF:
            length = max(0, len(data) - at - header)  # of undefined length, as encapsulated pixel data is
        stop = at + header + length
        if stop > len(data):
            return
        yield at, header, stop
        at = stop


def _with_value(head: bytes, value: bytes) -> bytes:
    if len(head) == 12:
        return head[:8] + len(value).to_bytes(4, "little") + value
    return head[:6] + (len(value) & 0xFFFF).to_bytes(2, "little") + value


def _fields(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(begin of the key, begin and end of the content, wire type) of each field of a protobuf message."""
    at = 0
    while at < len(data):
        begin = at
        key, at = _read_varint(data, at)
        kind = key & 7
        start = at
        if kind == 0:
            _, at = _read_varint(data, at)
        elif kind == 2:
            length, at = _read_varint(data, at)
            start, at = at, at + length
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return
        if at > len(data) or at == begin:
            return
        yield begin, start, at, kind


def _key(data: bytes, begin: int) -> bytes:
    return data[begin : _read_varint(data, begin)[1]]


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
