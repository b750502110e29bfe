"""Locations with options: "labels.csv?file=path&label=fx", written as the query of a URL."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from urllib.parse import parse_qsl

from edgefrac.errors import DatasetError


def split_options(location: str, suffix: str, known: Collection[str]) -> tuple[Path, dict[str, str]] | None:
    """(path, options) of a location whose path ends in ``suffix``; None for any other.

    Raises ``DatasetError`` for an option that is not ``known``, given twice or empty.
    """
    path, mark, query = location.partition("?")
    if not path.lower().endswith(suffix):
        return None
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise DatasetError(f"{path}: no option {name!r}", hint=f"known are {', '.join(known)}")
        if name in options or not value:
            raise DatasetError(f"{path}: option {name!r} {'is given twice' if value else 'is empty'}")
        options[name] = value
    if mark and not options:
        raise DatasetError(f"{path}: {query!r} is not of the form option=value", hint=f"known are {', '.join(known)}")
    return Path(path), options
