"""The stopwatch: several subjects run in turns, so that what else the machine does strikes all alike.

A subject is opened several times, because two openings of one file differ by where its memory comes to lie. Within an
opening every turn runs each subject once, in another random order. No run is thrown away but those of the warm-up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from edgefrac.progress import Track, silent

Run = Callable[[], object]
Open = Callable[[], Run]
Clock = Callable[[], float]

OPENINGS = 10
SEED = 20250131
_LEAST_TURNS = 3  # of an opening, however slow the subjects
_WINDOW = 3
_MOST_WARM_UP_RUNS = 30
_MOST_WARM_UP_SECONDS = 2.0


@dataclass(frozen=True)
class Turns:
    """What was timed of K subjects, in seconds of the clock.

    ``taken`` is float64 [K, N], subject by turn; ``worked`` likewise, but the processor time of the whole process: less
    where a run had to wait, more where threads work side by side. ``opening`` int64 [N] says which opening a turn
    belongs to; ``opened`` float64 [K, openings] is how long each opening took, ``warm_up`` int64 [K, openings] its runs
    before.
    """

    taken: NDArray[np.float64]
    worked: NDArray[np.float64]
    opening: NDArray[np.int64]
    opened: NDArray[np.float64]
    warm_up: NDArray[np.int64]


def take_turns(
    subjects: Sequence[Open],
    seconds: float,
    *,
    openings: int = OPENINGS,
    clock: Clock = time.perf_counter,
    processor: Clock = time.process_time,
    seed: int = SEED,
    track: Track = silent,
) -> Turns:
    """Time ``subjects`` for ``seconds`` each on average, all in the same turns; opening and warming up come on top.

    ``clock`` tells the time, ``processor`` what this process has had of processors. Every opening has at least three
    turns. Whatever a subject raises stops all.
    """
    rng = np.random.default_rng(seed)
    taken: list[list[tuple[float, float]]] = []
    opening: list[int] = []
    opened, warm_up = np.zeros((len(subjects), openings)), np.zeros((len(subjects), openings), np.int64)
    for number in track(range(openings), "timing"):
        runs: list[Run] = [_nothing] * len(subjects)
        for k in rng.permutation(len(subjects)):
            started = clock()
            runs[k] = subjects[k]()
            opened[k, number] = clock() - started
        for k in rng.permutation(len(subjects)):
            warm_up[k, number] = warm(runs[k], clock)
        until, before = clock() + seconds * len(subjects) / openings, len(taken)
        while clock() < until or len(taken) < before + _LEAST_TURNS:
            taken.append(_turn(runs, rng.permutation(len(runs)).tolist(), clock, processor))
            opening.append(number)
    by_clock, by_processor = np.array(taken).transpose(2, 1, 0).copy()
    return Turns(by_clock, by_processor, np.array(opening), opened, warm_up)


def warm(run: Run, clock: Clock) -> int:
    """Run until the median of the last three runs is no longer below that of the three before; returns the runs made.

    The steady state in a window of Georges et al. 2007 ("Statistically rigorous Java performance evaluation"), but
    by medians: their coefficient of variation never settles on a busy machine. Ends after 30 runs or two seconds.
    """
    taken: list[float] = []
    while len(taken) < _MOST_WARM_UP_RUNS and sum(taken) < _MOST_WARM_UP_SECONDS:
        started = clock()
        run()
        taken.append(clock() - started)
        if len(taken) >= 2 * _WINDOW and median(taken[-_WINDOW:]) >= median(taken[-2 * _WINDOW : -_WINDOW]):
            break
    return len(taken)


def _turn(runs: Sequence[Run], order: Sequence[int], clock: Clock, processor: Clock) -> list[tuple[float, float]]:
    taken = [(0.0, 0.0)] * len(runs)
    for k in order:
        had, started = processor(), clock()
        runs[k]()
        ended = clock()
        taken[k] = ended - started, processor() - had
    return taken


def _nothing() -> None: ...
