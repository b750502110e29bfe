"""Does every phone from minSdk on have what the app calls? Android's lint asks the same where there is an SDK.

    python check/min_sdk.py MIN_SDK DECLARATIONS CLASSES.jar…

What is newer is allowed in a class or method marked ``@TargetApi``, or in one that reads ``Build.VERSION.SDK_INT``;
what is so marked may only be used from such. Java's own classes are asked for as well, for Android has not all of them.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from api_levels import ApiLevels
from class_reader import Compiled, Method, Reference, compiled

_PLATFORM = ("android/", "java/", "javax/")
_SDK_INT = Reference("android/os/Build$VERSION", "SDK_INT", "I")
# what a compiler writes, and every tool chain for Android takes away again
_COMPILERS = ("java/lang/invoke/", "java/lang/StringConcat")


def main() -> None:
    """Print what is missing; status 1 where anything is."""
    minimum, levels = int(sys.argv[1]), ApiLevels(Path(sys.argv[2]))
    classes = {}
    for jar in sys.argv[3:]:
        with zipfile.ZipFile(jar) as archive:
            found = [compiled(archive.read(name)) for name in archive.namelist() if name.endswith(".class")]
            classes.update({one.name: one for one in found})
    problems = sorted({problem for one in classes.values() for problem in _problems(one, classes, levels, minimum)})
    for problem in problems:
        print(problem)
    used = {r for one in classes.values() for m in one.methods for r in m.references if r.owner.startswith(_PLATFORM)}
    print(f"minSdk {minimum}: {len(used)} classes and members of the platform used, {len(problems)} problems")
    if problems or not used:
        raise SystemExit(1)


def _problems(one: Compiled, classes: dict[str, Compiled], levels: ApiLevels, minimum: int) -> Iterator[str]:
    for method in one.methods:
        allowed = max(minimum, one.target, method.target)
        asks = _SDK_INT in method.references
        for reference in method.references:
            owner = reference.owner.lstrip("[").removeprefix("L").removesuffix(";")
            what = f"{owner}.{reference.name}".removesuffix(".")
            if (needed := _needed(reference, owner, classes, levels)) is None:
                yield f"{one.name}.{method.name}: Android has no {what} {reference.descriptor}"
            elif needed > allowed and not asks:
                yield f"{one.name}.{method.name}: {what} needs API {needed}"


def _needed(reference: Reference, owner: str, classes: dict[str, Compiled], levels: ApiLevels) -> int | None:
    """The API that has what is referred to; None where none has."""
    if inherited := classes.get(owner):
        marked = next((m.target for m in inherited.methods if _is(m, reference)), 0)
        if (
            marked
            or not reference.name
            or any(_is(m, reference) for m in inherited.methods)
            or "(" not in reference.descriptor
        ):
            return max(inherited.target, marked)
        above = [_needed(Reference(x, *_member(reference)), x, classes, levels) for x in inherited.above]
        return min((level for level in above if level is not None), default=None)
    if not owner.startswith(_PLATFORM) or owner.startswith(_COMPILERS):
        return 0
    if reference.name == "clone" and reference.owner.startswith("["):
        return 0
    return levels.of_member(owner, *_member(reference)) if reference.name else levels.of_class(owner)


def _is(method: Method, reference: Reference) -> bool:
    return (method.name, method.descriptor) == _member(reference)


def _member(reference: Reference) -> tuple[str, str]:
    return reference.name, reference.descriptor


if __name__ == "__main__":
    main()
