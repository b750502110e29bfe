"""File names that mean one file inside the bundle on every system, and nothing else."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_LONGEST_PART, _LONGEST = 255, 1024  # bytes in UTF-8
_DEEPEST = 16  # parts; hundreds of folders in each other take seconds to make and to remove
_FORBIDDEN = re.compile(r'[\\:*?"<>|]')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\.|$)", re.IGNORECASE)
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def fault_of(name: str) -> str:
    """What is wrong with a name of a bundle's file, relative and with forward slashes; empty for a safe one."""
    if not name:
        return "it is empty"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "it is absolute"
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        return "it has invisible characters"
    if _FORBIDDEN.search(name):
        return "it has characters that some systems forbid or read as a path"
    if len(name.encode("utf-8")) > _LONGEST:
        return "it is too long"
    if name.count("/") >= _DEEPEST:
        return "it lies too deep"
    return next((fault for part in name.split("/") if (fault := _fault_of_part(part))), "")


def collisions(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that some system takes for one: equal but for case or the way their characters are composed."""
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if key in seen:
            return seen[key], name
        seen[key] = name
    return None


def _fault_of_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "it leaves its folder, or has empty parts"
    if part[-1] in ". " or part[0] == " ":
        return "a part begins with a space, or ends with one or a dot"
    if _DEVICE.match(part):
        return "it is a device of Windows"
    return "it is too long" if len(part.encode("utf-8")) > _LONGEST_PART else ""
