"""Looks for planted values in anything that a program left: text, pictures, archives, databases, tables, models.

images = planted_images()                     # bytes by name, with hundreds of values in them
...send them...
assert leaks(secrets_of(images), {"log": server.output.encode(), **contents(state_folder)}) == []
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import html
import io
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np
from PIL import Image

_HEAD = 6  # bytes; no form of a value is shorter
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_DEEPEST = 4  # a picture in a page in an archive in an archive


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its path; of a database the rows, too."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[str(path)] = path.read_bytes()
            if path.suffix == ".sqlite":
                found[f"{path}: rows"] = "\n".join(_dump(path)).encode()
    return found


def leaks(secrets: Iterable[str], places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Where which secret is, in any of the forms that it may take on its way; a place's name is searched, too."""
    searcher = Searcher(secrets)
    return [
        (place, value)
        for place, content in places.items()
        for value in sorted({*searcher.found_in(place.encode()), *searcher.found_in(content)})
    ]


class Searcher:
    """Finds thousands of forms of values in one pass over many megabytes.

    Pairs of bytes with which some form begins are looked up in three tables at once; what is left is compared.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._by_head: dict[bytes, list[tuple[bytes, str]]] = {}
        self._tables = np.zeros((3, 1 << 16), np.bool_)
        for value in secrets:
            for form in forms(value):
                if len(form) < _HEAD:
                    raise ValueError(f"{value}: too short to be told from other bytes")
                self._by_head.setdefault(form[:_HEAD], []).append((form, value))
                self._tables[range(3), np.frombuffer(form[:_HEAD], "<u2")] = True

    def found_in(self, content: bytes) -> list[str]:
        """The values that are in ``content`` or in what is packed in it."""
        return sorted({value for view in views(content) for value in self._found(view)})

    def _found(self, view: bytes) -> Iterator[str]:
        for start in (0, 1) if len(view) >= _HEAD else ():
            pairs = np.frombuffer(view, "<u2", (len(view) - start) // 2, start)
            if len(pairs) < 3:
                continue
            hits = self._tables[0][pairs[:-2]] & self._tables[1][pairs[1:-1]] & self._tables[2][pairs[2:]]
            for at in (start + 2 * np.flatnonzero(hits)).tolist():
                for form, value in self._by_head.get(view[at : at + _HEAD], ()):
                    if view.startswith(form, at):
                        yield value


def forms(value: str) -> set[bytes]:
    """A value as text of several encodings, and its digests."""
    raw = value.encode()
    digests = [hashlib.new(kind, raw) for kind in ("md5", "sha1", "sha256")]
    hashes = [form for digest in digests for form in (digest.digest(), digest.hexdigest().encode())]
    spelled = [raw, raw.lower(), value.encode("utf-16-le"), quote(value).encode(), raw.hex().encode()]
    return {*spelled, base64.b64encode(raw), *hashes}


def views(content: bytes, depth: int = 0) -> Iterator[bytes]:
    """``content`` as it is, and what is packed in it: archives, compressed text of pictures, base64, tables."""
    yield content
    if depth == _DEEPEST:
        return
    for inner in (*_members(content), *_chunks(content), *_encoded(content), *_rows(content)):
        yield from views(inner, depth + 1)


def _members(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"\x1f\x8b"):
        try:
            yield gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
    if b"PK\5\6" in content:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                yield b"\n".join(name.encode() for name in archive.namelist())
                yield from (archive.read(name) for name in archive.namelist())
        except (zipfile.BadZipFile, zlib.error, NotImplementedError):
            return


def _chunks(content: bytes) -> Iterator[bytes]:
    """What a PNG says besides its pixels, inflated; of the pixels their rows."""
    if content.startswith(b"\x89PNG"):
        try:
            with Image.open(io.BytesIO(content)) as image:
                yield repr(image.info).encode()
                yield np.asarray(image.convert("L")).tobytes()
        except (OSError, SyntaxError, ValueError):
            return


def _encoded(content: bytes) -> Iterator[bytes]:
    """What is base64 in a text, and a text with its entities resolved."""
    if b"\0" in content[:4096]:
        return
    for run in _BASE64.findall(content):
        try:
            yield base64.b64decode(run + b"=" * (-len(run) % 4))
        except binascii.Error:
            continue
    if content.lstrip()[:1] == b"<":
        yield html.unescape(content.decode("utf-8", "replace")).encode()


def _rows(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"PAR1"):
        import pyarrow.parquet as pq

        table = pq.read_table(io.BytesIO(content))
        yield repr((table.schema.metadata, table.to_pylist())).encode()


def _dump(path: Path) -> Iterator[str]:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        yield from db.iterdump()
    finally:
        db.close()
