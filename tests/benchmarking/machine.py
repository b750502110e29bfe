"""A simulated machine: its clock moves by what subjects cost, times everything that makes real ones hard to time."""

from __future__ import annotations

import numpy as np

from edgefrac.benchmarking.stopwatch import Run

_DRAWN = 20_000


class Machine:
    """Log-normal noise of 5 %, a drift of 20 % over the first minute, a tenfold spike in 1 % of the runs, a slow block.

    Every opening of a subject also has its own speed (0.3 %), as where memory comes to lie gives it, and its first runs
    take longer. Costs are in seconds.
    """

    def __init__(self, seed: int, slow: tuple[float, float] = (2.0, 3.5)) -> None:
        self.now = 0.0
        self.runs = 0
        rng = np.random.default_rng(seed)
        noise = np.exp(rng.normal(0, 0.05, _DRAWN)) * np.where(rng.random(_DRAWN) < 0.01, 10, 1)
        self._noise: list[float] = noise.tolist()
        self._openings: list[float] = np.exp(rng.normal(0, 0.003, 1000)).tolist()
        self._slow = slow

    def clock(self) -> float:
        """Seconds since it was switched on."""
        return self.now

    def open(self, cost: float) -> Run:
        """A subject whose runs take ``cost`` on an idle machine."""
        self.now += 0.02
        own, cold = cost * self._openings.pop(), 3

        def run() -> None:
            nonlocal cold
            speed = 1 + 0.2 * min(self.now / 60, 1)
            if self._slow[0] <= self.now < self._slow[1]:
                speed *= 1.6
            if cold:
                cold -= 1
                speed *= 2
            self.now += own * speed * self._noise[self.runs % _DRAWN]
            self.runs += 1

        return run
