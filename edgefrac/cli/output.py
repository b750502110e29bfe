"""Standard output and standard error: results on the one, progress and notes on the other."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

T = TypeVar("T")

_QUIET_SECONDS = 2.0


@contextmanager
def results(as_json: bool) -> Iterator[Callable[[object], None]]:
    """Within, the function given prints a result; with ``as_json``, nothing else reaches standard output.

    Libraries print to standard output too, some of them from C++, so until the end of the block the descriptor itself
    points to standard error and only the JSON document goes to the real one.
    """
    if not as_json:
        yield lambda result: print(result)
        return
    sys.stdout.flush()
    real = os.dup(1)
    documents: list[object] = []
    try:
        os.dup2(2, 1)
        yield documents.append
    finally:
        sys.stdout.flush()
        os.dup2(real, 1)
        os.close(real)
    for document in documents:
        print(json.dumps(document, indent=2, allow_nan=False), flush=True)


def note(message: str) -> None:
    """Print one line to standard error."""
    print(message, file=sys.stderr, flush=True)


def track(items: Sequence[T], description: str) -> Iterator[T]:
    """Iterate, with a progress bar on standard error, if that is a terminal, once it takes longer than two seconds."""
    started = time.monotonic()
    iterator = iter(items)
    for done, item in enumerate(iterator):
        if time.monotonic() - started > _QUIET_SECONDS:
            yield from _track_with_bar(item, iterator, description, done, len(items))
            return
        yield item


def _track_with_bar(item: T, rest: Iterator[T], description: str, done: int, total: int) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:  # Rich would leave an empty line there
        yield from chain([item], rest)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=total, completed=done)
        for current in chain([item], rest):
            yield current
            bar.advance(task)
