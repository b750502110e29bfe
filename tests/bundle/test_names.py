"""Names that are safe everywhere, and all the ways not to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefrac.bundle.names import collisions, fault_of


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "model-int8.tflite",
        "golden/vectors.json",
        ".hidden",
        "a b",
        "Hüfte.onnx",
        "console.txt",
        "com10",
        "a..b",
        "d/" * 15 + "f",
    ],
)
def test_safe(name: str) -> None:
    assert fault_of(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "//server/share",
        "\\\\server\\share",
        "C:\\evil",
        "C:evil",
        "c:/evil",
        "..",
        "../evil",
        "a/../../evil",
        "a/..",
        "a\\..\\evil",
        "./a",
        "a//b",
        "d/" * 16 + "f",
        "a/",
        "a\0b",
        "a\nb",
        "a\x7f",
        "a\u202egpj.exe",
        "a\u200bb",
        "a\ud800",
        "a.",
        "a ",
        "a./b",
        " a",
        "file:stream",
        "a*",
        "nul",
        "NUL.txt",
        "golden/CON",
        "com1",
        "Com¹.png",
        "lpt9.tar.gz",
        "aux .txt",
        "CONIN$",
        "x" * 256,
        "/".join(["x" * 200] * 6),
        "ü" * 200,
    ],
)
def test_unsafe(name: str) -> None:
    assert fault_of(name)


@given(st.text())
def test_what_is_safe_has_plain_parts(name: str) -> None:
    if not fault_of(name):
        parts = name.split("/")
        assert not {"", ".", ".."} & set(parts) and not set(name) & set('\\:\0\r\n"')


def test_collisions() -> None:
    assert collisions(["a", "b", "c/a"]) is None
    assert collisions(["a/B", "x", "A/b"]) == ("a/B", "A/b")
    assert collisions(["stra\u00dfe", "STRASSE"]) == ("stra\u00dfe", "STRASSE")
    assert collisions(["\u00e9", "e\u0301"]) is not None and collisions(["ﬁ", "fi"]) is not None
