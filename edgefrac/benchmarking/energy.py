"""Energy of a run, by the counters of the processor's package (RAPL, Linux powercap), where they can be read.

A package counts all that it does: on a machine with other work the figure is theirs too. Reading the counters needs
root on most systems since CVE-2020-8694.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
_SECONDS = 1.0


def counters(powercap: Path = POWERCAP) -> list[Path]:
    """The folders of all packages whose energy can be read here; parts of a package are counted in it."""
    found = []
    for zone in sorted(powercap.glob("*-rapl:[0-9]*")):
        if zone.name.count(":") == 1 and _microjoules(zone) is not None:
            found.append(zone)
    return found


def availability(powercap: Path = POWERCAP) -> str:
    """What energy is measured by, or why it is not."""
    if zones := counters(powercap):
        return f"RAPL, {len(zones)} package(s)"
    if any(powercap.glob("*-rapl:[0-9]*")):
        return "unavailable: RAPL's counters are there, but not readable (they need root)"
    return "unavailable: the system has no RAPL counters"


def millijoules(run: Callable[[], object], seconds: float = _SECONDS, powercap: Path = POWERCAP) -> float | None:
    """Energy of one ``run``, averaged over ``seconds`` of them; None where it is not to be had."""
    zones = counters(powercap)
    if not zones:
        return None
    before = [_microjoules(zone) for zone in zones]
    runs, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until or not runs:
        run()
        runs += 1
    spent = 0
    for zone, start in zip(zones, before, strict=True):
        end = _microjoules(zone)
        if start is None or end is None:
            return None
        spent += end - start if end >= start else end - start + _wraps_at(zone)
    return spent / 1000 / runs


def _microjoules(zone: Path) -> int | None:
    try:
        return int((zone / "energy_uj").read_text())
    except (OSError, ValueError):
        return None


def _wraps_at(zone: Path) -> int:
    return int((zone / "max_energy_range_uj").read_text())
