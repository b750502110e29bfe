"""What is done with many items, and who does it. Every runner gives the same answers; ``Here`` is the plain one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar

from edgefrac.progress import Track
from edgefrac.workers.framing import Message

T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
R = TypeVar("R")


class Work(Protocol[T_contra, R_co]):
    """What is to be done with each item: small and picklable, with all that is costly made by ``open``."""

    def open(self) -> Callable[[T_contra], R_co]:
        """Called once in every process, for instance to load a model; what the result raises stops the whole run."""

    def packed(self) -> Work[T_contra, R_co]:
        """The same work for a machine that has none of this one's files."""

    def to_message(self, answer: Any) -> Message:
        """An answer as a process says it that has handled bytes from strangers: JSON and blobs."""

    def from_message(self, item: T_contra, message: Message) -> R_co:
        """What such a process says of ``item``, believed as little as the item: raises ValueError or TypeError."""


@dataclass(frozen=True)
class Lost:
    """In place of an answer: why the process that worked on the item gave none."""

    reason: str


Answers: TypeAlias = Generator[tuple[int, R | Lost], None, None]


class Runner(Protocol):
    """Does a work on many items."""

    def run(self, work: Work[T, R], items: Sequence[T]) -> Answers[R]:
        """Yield (index of the item, answer) once for each item, in whatever order they are done.

        Raises what ``work`` raises, and ``WorkersError`` where there is nobody to do it.
        """


class Here:
    """One after the other in this process, which ends if an image makes it crash."""

    def run(self, work: Work[T, R], items: Sequence[T]) -> Answers[R]:
        """In the order of ``items``; nothing is ever ``Lost``."""
        do = work.open()
        return ((index, do(item)) for index, item in enumerate(items))


def run_tracked(runner: Runner, work: Work[T, R], items: Sequence[T], what: str, track: Track) -> Answers[R]:
    """As ``Runner.run``, with progress under ``what``."""
    with closing(runner.run(work, items)) as answers:
        for _, answer in zip(track(range(len(items)), what), answers, strict=False):
            yield answer
