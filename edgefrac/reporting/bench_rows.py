"""How the report calls files, runtimes and devices, and which rows belong together."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePath

from edgefrac.benchmarking.document import Row

_TITLES = {"cpu": "CPU", "gpu": "GPU", "npu": "NPU", "android": "Android"}


def device_title(device: str) -> str:
    """Such as "GPU"."""
    return _TITLES.get(device, device)


def runtime_title(row: Row) -> str:
    """The runtime, or the file's format where a row names none."""
    return row.runtime or row.target


def file_names(rows: Iterable[Row]) -> dict[str, str]:
    """The shortest name of each path that still tells them apart: without the folder that all are in."""
    paths = list(dict.fromkeys(row.path for row in rows))
    plain = {path: path.replace("\\", "/") for path in paths}
    names = {path: PurePath(plain[path]).name for path in paths}
    if len(set(names.values())) < len(paths):
        folder = os.path.commonpath(plain.values()) if len({p.startswith("/") for p in plain.values()}) == 1 else ""
        names = {path: plain[path].removeprefix(folder).lstrip("/") for path in paths}
    return {path: _one_line(name) for path, name in names.items()}


def by_device(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of each device, in the order of the document."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.device, []).append(row)
    return found


def without_threads(rows: Iterable[Row]) -> list[Row]:
    """One row of each file in each runtime on each device: what does not depend on the number of threads."""
    found: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = row.path, row.runtime, row.device
        if key not in found or (found[key].parity is None and row.parity is not None):
            found[key] = row
    return list(found.values())


def threads_title(count: int) -> str:
    """Such as "2 threads"."""
    return "1 thread" if count == 1 else f"{count} threads"


def _one_line(name: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
