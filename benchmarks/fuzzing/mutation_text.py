"""Damage to documents: JSON by its tree, YAML, XML, CSV and the like by their tokens."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from random import Random
from typing import Any

from benchmarks.fuzzing.mutation import blunt

_ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, -0.0, 255, 256, 2**31 - 1, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, 5e-324),
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        "",
        " ",
        "\0",
        "\ud800",
        "ä" * 300,
        "../../x",
        "/etc/passwd",
        "x" * 9000,
    ),
    *([], {}, [[]], {"": {}}, [None] * 300, "1", "nan", "Infinity", "fp32", "int8", "0" * 64),
)
_DEEP = 5000
# what YAML makes of plain text: other types, references, tags, and keys that are no texts
_SCALARS = (
    *(
        "null",
        "~",
        "true",
        "no",
        "0",
        "-1",
        "1e3",
        "1e999",
        ".nan",
        "-.inf",
        "0x" + "f" * 6000,
        "9" * 6000,
        "0o7",
        "1_0",
    ),
    *(
        "2001-99-99",
        "2001-01-01",
        "2001-01-01T25:61:61Z",
        "12:30:45",
        "190:20:30.15",
        "=",
        "<<",
        "'",
        '"',
        "[",
        "{",
        "]",
    ),
    *("- a", "? b", ": c", "&a [*a]", "*a", "&a {<<: *a}", "!!python/object:os.system x", "!!python/name:os.system"),
    *("!!binary x", "!!timestamp x", "!!int x", "!!float x", "!!set {a}", "!!omap [a]", "!!pairs [a: b]", "!!bool x"),
    *(
        "!!int ''",
        "!!null x",
        "!x y",
        "%YAML 9.9",
        "---",
        "...",
        "|",
        ">",
        "[" * _DEEP,
        "{a: " * _DEEP,
        "\t",
        "\0",
        "\x85",
    ),
    *(
        "{[]: 1}",
        "{{}: 1}",
        "[a, b]: c",
        "{? [a]}",
        "<<: [a]",
        "<<: {a: b}",
        "\ufeff",
        "\U0001f9b4",
        "[1, 2]",
        "{a: 1}",
    ),
)
_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
_TOKEN = re.compile(rb"[A-Za-z_][A-Za-z0-9_.-]*|-?[0-9][0-9.eE+-]*|\"[^\"]*\"|[^\sA-Za-z0-9]")


def change_json(random: Random, data: bytes) -> bytes:
    """One change to the tree of a JSON document; to its bytes, where it is none."""
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return change_tokens(random, data)
    places = list(_places(tree))
    if not places or random.random() < 0.03:
        return _odd_json(random)
    holder, key = random.choice(places)
    kind = random.randrange(8)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[random.choice(("", "x", "__class__", str(key) + " ", str(key).upper()))] = holder.pop(key)
    elif kind == 2:
        other_holder, other_key = random.choice(places)
        holder[key] = deepcopy(other_holder[other_key])
    elif kind == 3 and isinstance(holder[key], list):
        holder[key] = (holder[key] * random.choice((2, 3, 100)))[:3000]
    elif kind == 4 and isinstance(holder[key], int | float):
        holder[key] = _near(random, holder[key])
    elif kind == 5 and isinstance(holder[key], str):
        holder[key] = _cut_text(random, holder[key])
    else:
        holder[key] = deepcopy(random.choice(_ODD))
    return _written(tree)


def change_tokens(random: Random, data: bytes) -> bytes:
    """A word, number or sign of a text goes, repeats, or becomes an odd one."""
    tokens = list(_TOKEN.finditer(data[:65536]))
    if not tokens:
        return blunt(random, data)
    one, other = random.choice(tokens), random.choice(tokens)
    kind = random.randrange(5)
    if kind == 0:
        new = b""
    elif kind == 1:
        new = one[0] * random.choice((2, 3, 50))
    elif kind == 2:
        new = other[0]
    elif kind == 3:
        new = _odd_json(random)
    else:
        new = random.choice(
            (b"-1", b"1e999", b"nan", b"9" * 5000, b"4294967296", b"9223372036854775808", b"&lt;", b"\0")
        )
    return data[: one.start()] + new + data[one.end() :]


def change_yaml(random: Random, data: bytes) -> bytes:
    """A line's value becomes an odd one; lines go, repeat, or move in and out."""
    lines = data.decode("utf-8", "replace").split("\n")
    at = random.randrange(len(lines))
    kind = random.randrange(7)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(random.randrange(len(lines)), lines[at])
    elif kind == 2:
        lines[at] = " " * random.choice((1, 2, 4)) + lines[at]
    elif kind == 3:
        lines.insert(at, random.choice(_SCALARS))
    elif kind == 4 and random.random() < 0.1:
        lines.insert(at, _LAUGHS)
    else:
        key, colon, _ = lines[at].partition(":")
        lines[at] = f"{key}{colon or ':'} {random.choice(_SCALARS)}"
    return "\n".join(lines).encode("utf-8", "replace")


def change_table(random: Random, data: bytes) -> bytes:
    """A cell of a table goes, repeats, or becomes an odd one."""
    separator = random.choice((b",", b"\n", b";", b"\t"))
    cells = data.split(separator)
    at = random.randrange(len(cells))
    odd = (
        b"",
        b'"',
        b'""',
        b"\0",
        b"\r",
        b"x" * 200_000,
        b"../a.png",
        b"1e9",
        b"nan",
        b"\xff",
        b"0",
        b"1",
        b",",
        b"=1+1",
    )
    new = random.choice((*odd, cells[random.randrange(len(cells))]))
    cells[at : at + 1] = random.choice(([], [new], [new, cells[at]], [cells[at]] * 3))
    return separator.join(cells)


def change_markup(random: Random, data: bytes) -> bytes:
    """An element or attribute of XML goes, repeats, nests deeply, or gets an odd value."""
    elements = list(re.finditer(rb"<[^<>]*>", data))
    if not elements or random.random() < 0.3:
        return change_tokens(random, data)
    one = random.choice(elements)
    kind = random.randrange(5)
    if kind == 0:
        new = b""
    elif kind == 1:
        new = one[0] * 2
    elif kind == 2:
        new = random.choice(elements)[0]
    elif kind == 3:
        return change_attribute(random, data)
    else:
        name = re.match(rb"<(\w+)", one[0])
        depth = random.choice((2, 50, 3000))
        new = b"<%s>" % name[1] * depth + b"</%s>" % name[1] * depth if name else b"<!DOCTYPE x [<!ENTITY a 'b'>]>"
    return data[: one.start()] + new + data[one.end() :]


def change_attribute(random: Random, data: bytes) -> bytes:
    """An attribute of XML gets an odd value, or that of another; the document stays well-formed."""
    values = list(re.finditer(rb'"[^"]{0,200}"', data))
    if not values:
        return change_tokens(random, data)
    one, other = random.choice(values), random.choice(values)
    odd = (b"-1", b"0", b"1", b"2", b"4294967295", b"18446744073709551615", b"", b"nan", b"1,1,1", b"x" * 70_000)
    new = random.choice((other[0], b'"%s"' % random.choice(odd)))
    return data[: one.start()] + new + data[one.end() :]


def _places(tree: Any) -> Any:
    """(holder, key) of every value in a tree."""
    todo = [tree]
    while todo:
        holder = todo.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, value in pairs:
            yield holder, key
            todo.append(value)


def _near(random: Random, value: float) -> Any:
    try:
        return random.choice((value + 1, value - 1, -value, value * 1000, value / 1000, str(value), [value]))
    except OverflowError:
        return 0


def _cut_text(random: Random, text: str) -> str:
    at = random.randint(0, len(text))
    return random.choice(
        (text[:at], text[at:], text * 50, text[:at] + random.choice("\0\n/\\<é\U0001f9b4") + text[at:])
    )


def _odd_json(random: Random) -> bytes:
    kind = random.randrange(5)
    if kind == 0:
        return b"[" * _DEEP + b"]" * _DEEP
    if kind == 1:
        return b'{"a":' * _DEEP + b"1" + b"}" * _DEEP
    if kind == 2:
        return b"9" * 6000
    return _written(random.choice(_ODD))


def _written(tree: Any) -> bytes:
    try:
        return json.dumps(tree).encode("utf-8", "replace")
    except (ValueError, RecursionError):  # a number of more digits than Python writes, or too deep
        return b"[" * _DEEP
