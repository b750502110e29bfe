"""Chooses the source of a data set by looking at it. A new source is one file and one decorator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgefrac.datasets.sample import Dataset
from edgefrac.errors import DatasetError

Opener = Callable[[str], Dataset | None]
_openers: list[Opener] = []


def source(opener: Opener) -> Opener:
    """Register a function that opens a location, or returns None if the location is not of its kind."""
    _openers.append(opener)
    return opener


def open_dataset(location: Path | str) -> Dataset:
    """Open a folder, a .zip, a .csv or .npz with options ("labels.csv?label=fx"), or phantoms ("phantom:n=200,seed=7").

    No pixels are decoded. What each source takes, its module says.

    Sources are asked in the order in which ``edgefrac.datasets`` imports them. Raises ``DatasetError``.
    """
    for opener in _openers:
        dataset = opener(str(location))
        if dataset is not None:
            return dataset
    raise DatasetError(
        f"{location}: not a data set that EdgeFrac knows",
        hint="give a known data set (folder or .zip), a folder with one sub-folder per class, a .csv, or 'phantom'",
    )
