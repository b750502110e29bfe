"""What is put side by side: networks and files, each with how to open it and run it on one image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract, Precision
from edgefrac.runtimes.session import Prediction, Session

THREADS = 1


class Runnable(Protocol):
    """A network, opened on one thread."""

    def prepare(self, network_input: NDArray[np.uint8]) -> Any:
        """One network input, uint8 [S, S], as ``run`` takes it. Never timed, which favours those that take floats."""

    def run(self, prepared: Any) -> Prediction | None:
        """Run once; None where the answer stays in another process."""

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """The answer to one network input."""


@dataclass(frozen=True)
class Entrant:
    """One line of the table.

    ``form`` is the name of the target whose files are of this kind, ``executorch`` or ``torch``. ``contract`` is there
    for every form of the student, whose answers are compared; ``reason`` where there is nothing to open, and why.
    """

    maker: str
    form: str
    precision: Precision
    open: Callable[[], Runnable] | None
    contract: Contract | None = None
    ours: bool = False
    export_seconds: float | None = None
    size_bytes: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Ours:
    """A session of EdgeFrac's: its files take the pixels as they are."""

    session: Session

    def prepare(self, network_input: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return network_input

    def run(self, prepared: NDArray[np.uint8]) -> Prediction:
        return self.session.predict(prepared)

    predict = run


@dataclass(frozen=True)
class Judged:
    """A runnable as ``evaluation.collect`` takes it."""

    contract: Contract
    runnable: Runnable
    path: Path = Path()

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        return self.runnable.predict(network_input)
