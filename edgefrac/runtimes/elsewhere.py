"""Backends that compute elsewhere: all images go there at once, and all answers come back."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.progress import Track, silent
from edgefrac.runtimes.backend import Answered, Backend
from edgefrac.runtimes.session import FileSession, Prediction, Session, open_session


class Elsewhere(Backend):
    """A backend whose every question is a journey, so that many images are asked about in one."""

    @abstractmethod
    def ask(self, path: Path, images: NDArray[np.uint8], threads: int = 1) -> Answered:
        """What the file says to network inputs uint8 [N, S, S], N ≥ 1; raises DeviceError or MissingExtraError."""

    def open(self, path: Path, threads: int = 1) -> Session:
        """The file there, asked about one image at a time."""
        self.available()
        return _AskedSession(self, path, threads)

    def answers(self, path: Path, images: NDArray[np.uint8], track: Track = silent) -> Answered:
        """What the file says to network inputs uint8 [N, S, S], N ≥ 1, of one journey."""
        (found,) = (self.ask(path, images) for _ in track([path], f"{path.name} on {self.title}"))
        return found


class _AskedSession(FileSession):
    """A file on a backend elsewhere, after this machine's own runtime took it and verified it."""

    def __init__(self, backend: Elsewhere, path: Path, threads: int) -> None:
        super().__init__(path, open_session(path).contract)
        self._backend, self._threads = backend, threads

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """What the file says there to one network input, uint8 [S, S]; raises DeviceError."""
        found = self._backend.ask(self._path, network_input[None], self._threads)
        named = {"probability": found.probability[0]}
        return self._prediction(named if found.evidence is None else {**named, "evidence": found.evidence[0]})
