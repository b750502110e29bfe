"""The searcher finds a value in every form and wrapping that a program might leave it in."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.privacy.search import Searcher, contents, leaks

VALUE = "ZQname^of 00042QZ"


def zipped(content: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("part.txt", content)
    return written.getvalue()


def pictured(content: bytes) -> bytes:
    texts = PngInfo()
    texts.add_text("Comment", content.decode(), zip=True)
    written = io.BytesIO()
    Image.new("L", (20, 20)).save(written, "PNG", pnginfo=texts)
    return written.getvalue()


def in_page(content: bytes) -> bytes:
    data = base64.b64encode(pictured(content)).decode()
    return f'<html><img src="data:image/png;base64,{data}"></html>'.encode()


def tabled(content: bytes) -> bytes:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    written = io.BytesIO()
    pq.write_table(pa.table({"file": [content.decode()] * 3}), written, compression="zstd")
    return written.getvalue()


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda value: value,
    "lower case": lambda value: value.lower(),
    "UTF-16": lambda value: value.decode().encode("utf-16-le"),
    "percent": lambda value: quote(value.decode()).encode(),
    "hex": lambda value: value.hex().encode(),
    "base64": base64.b64encode,
    "inside base64": lambda value: base64.b64encode(b"x" + value + b"longer"),
    "MD5": lambda value: hashlib.md5(value).digest(),
    "SHA-1": lambda value: hashlib.sha1(value).hexdigest().encode(),
    "SHA-256": lambda value: hashlib.sha256(value).hexdigest().encode(),
    "gzip": gzip.compress,
    "zip": zipped,
    "PNG text": pictured,
    "PNG in a page": in_page,
    "zip in a zip": lambda value: zipped(zipped(value)),
    "Parquet": tabled,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", [b"", b"some text before "], ids=["alone", "within"])
def test_every_form_is_found(form: str, before: bytes) -> None:
    made = FORMS[form](VALUE.encode())
    content = made if form.startswith(("gzip", "PNG", "Parquet")) else before + made
    assert Searcher([VALUE, "another one"]).found_in(content) == [VALUE]
    assert Searcher(["another one"]).found_in(content) == []


def test_pixels_of_a_picture_are_found(tmp_path: Path) -> None:
    pixels = np.zeros((20, 20), np.uint8)
    pixels[3, 1 : 1 + len(VALUE)] = np.frombuffer(VALUE.encode(), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    assert leaks([VALUE], contents(tmp_path)) == [(str(tmp_path / "picture.png"), VALUE)]


def test_rows_that_were_deleted_are_found(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "state.sqlite")
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("CREATE TABLE t (name TEXT)")
    db.execute("INSERT INTO t VALUES (?)", (VALUE,))
    db.commit()
    db.execute("DELETE FROM t")
    db.commit()
    db.close()
    assert {value for _, value in leaks([VALUE], contents(tmp_path))} == {VALUE}


def test_values_too_short_to_be_told_from_others_are_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        Searcher(["ZQ1"])
