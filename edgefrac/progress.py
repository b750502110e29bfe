"""How long work tells of itself: a note is one line, a track is a progress bar around a sequence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")
Note = Callable[[str], None]


class Track(Protocol):
    """Iterate over ``items``, showing progress under ``what``."""

    def __call__(self, items: Sequence[T], what: str, /) -> Iterable[T]:
        """Yield the items in order."""


def silent(items: Sequence[T], what: str, /) -> Iterable[T]:
    """A track that shows nothing."""
    return items
