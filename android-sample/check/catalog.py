"""Do the Gradle files agree with each other, and with what is checked here?

    python check/catalog.py [--get KEY]

KEY is ``kotlin``, ``litert``, ``minSdk`` or ``namespace``; its value is printed. Without, every alias that a build file
uses must stand in the version catalog and every one of the catalog be used, modules must be folders with a build file,
and LiteRT must be the version of the Python wheel that the certificates were made with.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parent.parent
_ALIAS = re.compile(r"\blibs\.((?:[a-z]+\.)*[a-z]+)")


def catalog() -> dict[str, Any]:
    """``gradle/libs.versions.toml``."""
    return tomllib.loads((SAMPLE / "gradle" / "libs.versions.toml").read_text(encoding="utf-8"))


def problems() -> Iterator[str]:
    """What does not agree, a line each."""
    known = catalog()
    aliases = {name.replace("-", ".") for name in known["libraries"]}
    aliases |= {"plugins." + name.replace("-", ".") for name in known["plugins"]}
    build_files = [SAMPLE / "build.gradle.kts", *sorted(SAMPLE.glob("*/build.gradle.kts"))]
    used = {alias for path in build_files for alias in _ALIAS.findall(path.read_text(encoding="utf-8"))}
    yield from (f"libs.{alias} is used and not in the version catalog" for alias in sorted(used - aliases))
    yield from (f"libs.{alias} is in the version catalog and not used" for alias in sorted(aliases - used))
    entries = [entry for kind in ("libraries", "plugins") for entry in known[kind].values()]
    wanted = {entry["version"]["ref"] for entry in entries}
    yield from (f"version {name} is not in the catalog" for name in sorted(wanted - set(known["versions"])))
    yield from (f"version {name} is not used" for name in sorted(set(known["versions"]) - wanted))
    included = re.findall(r'":(\w+)"', (SAMPLE / "settings.gradle.kts").read_text(encoding="utf-8"))
    found = {path.parent.name for path in build_files[1:]}
    if set(included) != found:
        yield f"settings.gradle.kts includes {sorted(included)}, build files are in {sorted(found)}"
    pinned = _pinned("ai-edge-litert")
    if pinned and pinned != known["versions"]["litert"]:
        yield f"LiteRT {known['versions']['litert']} in the catalog, {pinned} in constraints.txt"


def _pinned(package: str) -> str | None:
    constraints = SAMPLE.parent / "constraints.txt"
    if not constraints.is_file():
        return None
    found = re.search(rf"^{package}==(\S+)", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    return found.group(1) if found else None


def value(key: str) -> str:
    """A version of the catalog, or a setting of ``app/build.gradle.kts``."""
    versions: dict[str, str] = catalog()["versions"]
    if key in versions:
        return versions[key]
    found = re.search(rf'\b{key} = "?([\w.]+)"?', (SAMPLE / "app" / "build.gradle.kts").read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(f"no {key} in the catalog or app/build.gradle.kts")
    return found.group(1)


def main() -> None:
    """Print a value, or every problem with status 1."""
    if sys.argv[1:2] == ["--get"]:
        print(value(sys.argv[2]))
        return
    found = list(problems())
    print("\n".join([*found, f"version catalog: {len(found)} problems"]))
    if found:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
