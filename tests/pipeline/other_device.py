"""A device that is not there: a backend for tests, which runs on this CPU and spoils what it is told to."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import DeviceError
from edgefrac.progress import Track, silent
from edgefrac.runtimes import backend as registry
from edgefrac.runtimes.backend import Answered, Backend, EvidenceLevel, Placed, Reported
from edgefrac.runtimes.session import ModelKind, Session, open_session


@dataclass
class OtherDevice(Backend):
    """Answers as the CPU does, all probabilities ``shift`` higher, ``seconds`` later for each image."""

    device = "npu"
    title = "NPU of a test"
    shift: float = 0.0
    absent: str = ""
    elsewhere: dict[str, int] = field(default_factory=dict)
    milliseconds: float | None = None
    seconds: float = 0.0

    @property
    def evidence_level(self) -> EvidenceLevel:
        return "emulated"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        return kind is ModelKind.TFLITE

    def open(self, path: Path, threads: int = 1) -> Session:
        if self.absent:
            raise DeviceError(self.absent, hint="plug it in")
        return open_session(path, threads)

    def answers(self, path: Path, images: NDArray[np.uint8], track: Track = silent) -> Answered:
        time.sleep(self.seconds * len(images))
        found = super().answers(path, images, track)
        return Answered(np.minimum(found.probability + np.float32(self.shift), 1), found.evidence)

    def placement(self, path: Path) -> Placed:
        return Placed({"CONV_2D": 3}, self.elsewhere)

    def reported(self, path: Path, threads: int = 1) -> Reported | None:
        return None if self.milliseconds is None else Reported("predicted", self.milliseconds, cycles=1000, sram_kb=2.0)


def instead_of_all(monkeypatch: object, made: OtherDevice) -> OtherDevice:
    """Make it the only NPU."""
    registry.backends("npu")  # all others are registered by now
    others = [one for one in registry._backends if one.device != "npu"]
    monkeypatch.setattr(registry, "_backends", [*others, made])  # type: ignore[attr-defined]
    return made
