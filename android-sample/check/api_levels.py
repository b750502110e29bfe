"""Since when Android has a class or member: from the declarations of ``@nativescript/types-android``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

OLDEST = 21
"""The first API that the declarations know; what was there before says nothing."""

_SINCE = re.compile(r"@since (\d+)")
_MODULE = re.compile(r"(?:declare|export) module ([\w.$]+) \{")
_CLASS = re.compile(r"export (?:abstract )?class ([\w$]+)(?:<.*?>)?(?:\s+extends (.+?))?(?:\s+implements (.+?))?\s*\{")
_MEMBER = re.compile(r"(?:(?:public|protected|static|abstract|readonly) )+([\w$]+)(?:<.*?>)?(\(.*\))?(?:: .*)?;")
_NUMBERS = set("BDFIJS")


@dataclass(frozen=True)
class Declared:
    """A member: the types of its parameters, or None for a field, and the API that brought it."""

    parameters: tuple[str, ...] | None
    since: int


@dataclass
class Class:
    """A class, what it extends and implements, and its members by name."""

    since: int
    above: list[str]
    members: dict[str, list[Declared]] = field(default_factory=dict)


class ApiLevels:
    """All classes by internal name."""

    def __init__(self, declarations: Path) -> None:
        self._classes: dict[str, Class] = {}
        around: list[str | None] = []
        since = OLDEST
        for line in _statements(declarations):
            if found := _SINCE.search(line):
                since = int(found.group(1))
            if line.startswith(("/*", "*")):
                continue
            since = self._read(line, around, since)

    def _read(self, line: str, around: list[str | None], since: int) -> int:
        """Take in one line; what is left of ``since`` for the next."""
        if found := _MODULE.match(line):
            around.append(found.group(1))
        elif found := _CLASS.match(line):
            above = [_plain(part) for part in re.split(r",(?![^<]*>)", ",".join(filter(None, found.groups()[1:])))]
            name = ".".join([part for part in around if part] + [found.group(1)])
            self._classes[name] = Class(since, above)
            around.append(f"={name}")
        elif line.endswith("{"):
            around.append(None)  # an implementation, member by member, which the class repeats
        elif line.startswith("}"):
            around.pop()
        elif around and around[-1] and around[-1].startswith("=") and (found := _MEMBER.match(line)):
            parameters = None if found.group(2) is None else tuple(_parameters(found.group(2)[1:].rsplit(")", 1)[0]))
            members = self._classes[around[-1][1:]].members
            members.setdefault(found.group(1), []).append(Declared(parameters, since))
        return OLDEST

    def knows(self, owner: str) -> bool:
        """Whether Android has a class, by internal name."""
        return owner.replace("/", ".").replace("$", ".") in self._classes

    def of_class(self, owner: str) -> int | None:
        """The API that brought a class, None where Android has none of that name."""
        found = self._classes.get(owner.replace("/", ".").replace("$", "."))
        return found.since if found else None

    def of_member(self, owner: str, name: str, descriptor: str) -> int | None:
        """The API that brought a method or field, in the class itself or above it; None where there is none."""
        wanted = "constructor" if name == "<init>" else name
        parameters = _descriptors(descriptor) if "(" in descriptor else None
        waiting, found = [owner.replace("/", ".").replace("$", ".")], list[int]()
        seen = set[str]()
        while waiting:
            class_name = waiting.pop(0)
            if class_name in seen or class_name not in self._classes:
                continue
            seen.add(class_name)
            one = self._classes[class_name]
            if (since := _matching(one.members.get(wanted, []), parameters)) is not None:
                found.append(max(since, one.since) if class_name.startswith("android") else since)
            if wanted != "constructor":
                waiting += one.above
        return min(found) if found else None


def _statements(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if text := line.strip():
                yield text


def _plain(name: str) -> str:
    return re.sub(r"<.*", "", name).strip()


def _parameters(text: str) -> Iterator[str]:
    """The types of ``a: number, b: java.util.Map<string, any>``."""
    depth, part = 0, ""
    for char in text + ",":
        depth += (char in "<({") - (char in ">)}")
        if char == "," and depth == 0:
            if part.strip():
                yield part.split(":", 1)[1].removesuffix("| null").strip()
            part = ""
        else:
            part += char


def _descriptors(descriptor: str) -> tuple[str, ...]:
    inside = descriptor[1 : descriptor.index(")")]
    return tuple(re.findall(r"\[*(?:L[^;]+;|[BCDFIJSZ])", inside))


def _matching(declared: list[Declared], parameters: tuple[str, ...] | None) -> int | None:
    """The API of the best of several of one name; the newest where none fits, for then nothing is known."""
    same = [d for d in declared if (d.parameters is None) == (parameters is None)]
    if parameters is not None:
        same = [d for d in same if d.parameters is not None and len(d.parameters) == len(parameters)]
        exact = [d for d in same if all(map(_fits, d.parameters or (), parameters))]
        if exact:
            return min(d.since for d in exact)
    return max((d.since for d in same), default=None)


def _fits(declared: str, descriptor: str) -> bool:
    if descriptor[0] == "[":
        return declared.startswith("androidNative.Array<")
    if descriptor in _NUMBERS:
        return declared == "number"
    if descriptor == "Z":
        return declared == "boolean"
    if descriptor in ("C", "Ljava/lang/String;", "Ljava/lang/CharSequence;"):
        return declared in ("string", "java.lang.CharSequence", "java.lang.String")
    return declared == "any" or _plain(declared) == descriptor[1:-1].replace("/", ".").replace("$", ".")
