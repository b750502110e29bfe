"""Fixed work that every round of the suite is measured by, so that a slow spell of the machine cancels out.

A product of small integer matrices: NumPy's own loop, no BLAS, one thread, in the first caches, and nothing of
EdgeFrac. Of those tried (SHA-256, a sort, a Python loop) its ratios wandered least between sessions on a crowded
machine. Times are the processor's, which waiting for a processor does not lengthen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

TIMER = time.process_time
RATIO = "yardsticks"  # the name of a benchmark's figure in pytest-benchmark's extra_info
_SECONDS = 0.6  # of a benchmark, about
_ROUNDS = (10, 200)
_SIDE = 128


@dataclass
class Yardstick:
    """The work, and how long each of its runs took, in seconds of the processor."""

    taken: list[float] = field(default_factory=list)
    _codes: Any = field(default_factory=lambda: np.random.default_rng(0).integers(-128, 128, (_SIDE, _SIDE), np.int32))

    def run(self) -> None:
        """Once more."""
        started = TIMER()
        self._codes @ self._codes
        self.taken.append(TIMER() - started)


Setup = Callable[[], tuple[tuple[Any, ...], dict[str, Any]] | None]


def by_yardstick(benchmark: BenchmarkFixture, work: Callable[..., object], setup: Setup = lambda: None) -> None:
    """Benchmark ``work`` in rounds that each begin with the yardstick, and note the median of their ratios.

    ``setup`` gives the arguments of each round, as that of ``benchmark.pedantic`` does; it is not timed.
    """
    yardstick = Yardstick()
    arguments, named = setup() or ((), {})
    for _ in range(2):  # the second is warm
        started = time.perf_counter()
        work(*arguments, **named)
    rounds = int(_SECONDS / (time.perf_counter() - started))

    def before() -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        given = setup()
        yardstick.run()
        return given

    benchmark.pedantic(work, setup=before, rounds=min(max(rounds, _ROUNDS[0]), _ROUNDS[1]))
    if benchmark.enabled:
        pairs = zip(benchmark.stats.stats.data, yardstick.taken, strict=True)
        benchmark.extra_info[RATIO] = median(taken / stick for taken, stick in pairs)
