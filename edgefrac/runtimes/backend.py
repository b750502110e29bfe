"""Backends: every way to run a model file, one runtime on one kind of device each.

A new one is a module in ``runtimes.backends`` with a decorated class. None imports its runtime before it is asked to
run something, and each says in a ``DeviceError`` or ``MissingExtraError`` why it cannot here.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import UsageError
from edgefrac.progress import Track, silent
from edgefrac.runtimes.session import ModelKind, Prediction, Session

EvidenceLevel = Literal["measured", "emulated", "predicted", "unavailable"]
Device = Literal["cpu", "gpu", "npu", "arm64", "android"]
DEVICES: tuple[Device, ...] = get_args(Device)


@dataclass(frozen=True)
class Placed:
    """Where a file's operators run, counted by kind; with nothing ``elsewhere`` the device runs all of them.

    ``note`` is what else is known in a few words: partitions, the precision that was really computed in.
    """

    on_device: Mapping[str, int]
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    note: str = ""

    @property
    def summary(self) -> str:
        """Such as "94 of 94 operators on the device"."""
        inside, outside = sum(self.on_device.values()), sum(self.elsewhere.values())
        counted = f"{inside} of {inside + outside} operators on the device"
        return "; ".join(filter(None, (counted, self.note)))


@dataclass(frozen=True)
class Reported:
    """What a device's own tool, or a vendor's compiler, says of a file's speed; ``evidence_level`` is that of this.

    ``cycles`` of the device's clock, ``sram_kb`` (1000 bytes) of its fast memory at the peak.
    """

    evidence_level: EvidenceLevel
    median_ms: float
    p90_ms: float | None = None
    p99_ms: float | None = None
    runs: int = 0
    cycles: int | None = None
    sram_kb: float | None = None


@dataclass(frozen=True)
class Answered:
    """What a file said: ``probability`` float32 [N, K], ``evidence`` float32 [N, h, w, K] or None."""

    probability: NDArray[np.float32]
    evidence: NDArray[np.float32] | None

    @staticmethod
    def of(predictions: Sequence[Prediction]) -> Answered:
        """Of at least one prediction of one file."""
        maps = [one.evidence for one in predictions if one.evidence is not None]
        return Answered(np.stack([one.probability for one in predictions]), np.stack(maps) if maps else None)


class Backend(ABC):
    """One runtime on one device; ``title`` is its name for people.

    ``bare``: a file's own runtime, which ``runtimes.bare`` starts in a process by itself.
    """

    device: ClassVar[Device]
    title: ClassVar[str]
    bare: ClassVar[bool] = False

    @property
    @abstractmethod
    def evidence_level(self) -> EvidenceLevel:
        """What its numbers are worth: measured on the real thing, emulated, or unavailable where it is not here."""

    @property
    def timed(self) -> bool:
        """Whether the stopwatch of this process may run it, because it computes here and at its true speed."""
        return False

    def available(self) -> str:
        """What it would run on, in a few words, with nothing big fetched or set up; raises as ``open`` does."""
        return self.title

    @abstractmethod
    def takes(self, kind: ModelKind, precision: str) -> bool:
        """Whether such files are for this backend at all; whether it works here is another question."""

    @abstractmethod
    def open(self, path: Path, threads: int = 1) -> Session:
        """The file, ready to run; raises DeviceError or MissingExtraError where this cannot be done here."""

    def answers(self, path: Path, images: NDArray[np.uint8], track: Track = silent) -> Answered:
        """What the file says to network inputs uint8 [N, S, S], N ≥ 1; raises as ``open`` does."""
        session = self.open(path)
        return Answered.of([session.predict(image) for image in track(list(images), f"{path.name} on {self.title}")])

    def placement(self, path: Path) -> Placed | None:
        """Where its operators run; None where that is not to be found out. Raises as ``open`` does."""
        return None

    def reported(self, path: Path, threads: int = 1) -> Reported | None:
        """What the device or its compiler says of its speed, where the stopwatch cannot measure it."""
        return None


_backends: list[Backend] = []


def backend(made: type[Backend]) -> type[Backend]:
    """Register a backend."""
    _backends.append(made())
    return made


def backends(device: str) -> tuple[Backend, ...]:
    """All backends of one kind of device, in the order of their modules' names; raises UsageError for no such kind."""
    if device not in DEVICES:
        raise UsageError(f"device '{device}' is not known", hint=f"one of: {', '.join(DEVICES)}")
    from edgefrac.runtimes import backends as package

    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(one for one in _backends if one.device == device)
