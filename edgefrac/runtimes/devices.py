"""What works here: targets and devices with their evidence level, and the optional parts that are installed."""

from __future__ import annotations

import os
import platform
import re
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np

from edgefrac.errors import EdgeFracError
from edgefrac.runtimes.backend import DEVICES, Backend, EvidenceLevel, backends
from edgefrac.runtimes.session import open_session
from edgefrac.targets.registry import Target, available

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+).*;.*extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"]")
_FOR_DEVELOPERS = {"all", "dev", "test"}
_LATER_TARGETS = ("qualcomm-htp", "executorch")


@dataclass(frozen=True)
class Availability:
    """One target or device: what a figure obtained with it here is worth, and why."""

    name: str
    evidence_level: EvidenceLevel
    reason: str
    install: str = ""


@dataclass(frozen=True)
class Extra:
    """One optional part of EdgeFrac: installed distributions with their versions, and the missing ones."""

    name: str
    installed: dict[str, str]
    missing: tuple[str, ...]

    @property
    def install(self) -> str:
        """The command that completes it; empty if nothing is missing."""
        return f"pip install 'edgefrac[{self.name}]'" if self.missing else ""


def extras() -> list[Extra]:
    """The optional parts, as the installed package's own metadata names them; empty in a bare source tree."""
    try:
        requirements = metadata.requires("edgefrac") or []
    except metadata.PackageNotFoundError:
        return []
    wanted: dict[str, list[str]] = {}
    for match in filter(None, map(_REQUIREMENT.match, requirements)):
        if match["extra"] not in _FOR_DEVELOPERS:
            wanted.setdefault(match["extra"], []).append(match["name"])
    return [_extra(name, distributions) for name, distributions in sorted(wanted.items())]


def extras_with(module: str) -> list[str]:
    """Names of the optional parts that bring a module, for instance "torch"."""
    return [
        extra.name
        for extra in extras()
        if module in {name.replace("-", "_").lower() for name in (*extra.installed, *extra.missing)}
    ]


def _extra(name: str, distributions: list[str]) -> Extra:
    versions = {distribution: _version(distribution) for distribution in sorted(distributions)}
    return Extra(
        name,
        {distribution: version for distribution, version in versions.items() if version},
        tuple(distribution for distribution, version in versions.items() if not version),
    )


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def targets() -> list[Availability]:
    """Every file format that EdgeFrac knows, and whether it can be exported here."""
    later = (Availability(name, "unavailable", "this version does not export it") for name in _LATER_TARGETS)
    return [*map(_target, available()), *later]


def _target(target: Target) -> Availability:
    if missing := target.missing():
        install = f"pip install 'edgefrac[{target.extra}]'"
        return Availability(target.name, "unavailable", f"not installed: {', '.join(missing)}", install)
    return Availability(target.name, "measured", f"exported here, and gated on this machine in {target.runtime}")


def devices(model: Path) -> list[Availability]:
    """The CPU, on which ``model`` is run once, and every backend of every other device; nothing big is set up."""
    others = [device for device in DEVICES if device != "cpu"]
    return [_try_cpu(model), *(_look_for(one) for device in others for one in backends(device) or [device])]


def _look_for(found: Backend | str) -> Availability:
    if isinstance(found, str):
        return Availability(found, "unavailable", "this version does not drive it")
    try:
        where = found.available()
        return Availability(found.device, found.evidence_level, f"{found.title}: {where}")
    except EdgeFracError as error:
        return Availability(found.device, "unavailable", f"{found.title}: {error.message}", error.hint)


def _try_cpu(model: Path) -> Availability:
    try:
        session = open_session(model)
        blank = np.zeros((session.contract.input.size,) * 2, np.uint8)
        started = time.perf_counter()
        session.predict(blank)
    except EdgeFracError as error:
        return Availability("cpu", "unavailable", error.message)
    milliseconds = (time.perf_counter() - started) * 1000
    where = f"{platform.machine()}, {os.cpu_count()} cores"
    return Availability("cpu", "measured", f"ran {model.name} once in {milliseconds:.1f} ms on one thread ({where})")
