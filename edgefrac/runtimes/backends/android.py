"""An Android device over adb: its CPU and its GPU, in LiteRT's own benchmark tool."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import DeviceError
from edgefrac.runtimes import android
from edgefrac.runtimes.adb import Phone, phone
from edgefrac.runtimes.backend import Answered, EvidenceLevel, Placed, Reported, backend
from edgefrac.runtimes.computed_precision import computed_in, probe_images
from edgefrac.runtimes.elsewhere import Elsewhere
from edgefrac.runtimes.session import ModelKind, model_kind, open_session
from edgefrac.targets.registry import of_kind


class _Android(Elsewhere):
    """``flags`` choose a delegate of the tool's, whose name in its log has ``delegate`` in it."""

    device = "android"
    flags: ClassVar[tuple[str, ...]]
    delegate: ClassVar[str]

    @property
    def evidence_level(self) -> EvidenceLevel:
        try:
            return _level(phone())
        except DeviceError:
            return "unavailable"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        return kind is ModelKind.TFLITE

    def available(self) -> str:
        found = phone()
        android.benchmark_tool()
        return str(found)

    def ask(self, path: Path, images: NDArray[np.uint8], threads: int = 1) -> Answered:
        """From the device, to which file, tool and images are pushed, and on which nothing stays."""
        return android.ask(phone(), path, open_session(path).contract, images, self.flags, threads)

    def reported(self, path: Path, threads: int = 1) -> Reported:
        """The tool's own median; p90 and p99 it does not print."""
        found = phone()
        report = android.report(found, path, self.flags, threads)
        return Reported(_level(found), report.median_ms, runs=report.runs)

    def placement(self, path: Path) -> Placed:
        """By the tool's log; which operators a delegate left to the CPU it does not say, only how many."""
        found = phone()
        target = of_kind(model_kind(path).value)
        assert target is not None
        taken = {name: nodes for name, nodes in self._delegates(found, path).items() if self.delegate in name}
        if not taken:
            raise DeviceError(f"{path}: the tool's {self.delegate} delegate takes none of its operators on {found}")
        ((name, (inside, nodes)),) = taken.items()
        note = f"{found}; {name} takes {inside} of {nodes}; {self._precision(path)}"
        if self._all_on_device(inside, nodes):
            return Placed(target.placement(path)["types"], note=note)
        return Placed({"operators": inside}, {"operators": nodes - inside}, note)

    def _delegates(self, found: Phone, path: Path) -> dict[str, tuple[int, int]]:
        return android.report(found, path, self.flags, threads=1).delegates

    def _all_on_device(self, inside: int, nodes: int) -> bool:
        return inside == nodes

    def _precision(self, path: Path) -> str:
        session = open_session(path)
        images = probe_images(session.contract.input.size)
        here = Answered.of([session.predict(image) for image in images])
        return computed_in(self.ask(path, images), here, integers=session.contract.precision == "int8")


def _level(found: Phone) -> EvidenceLevel:
    return "emulated" if found.emulated else "measured"


@backend
class AndroidCpu(_Android):
    """XNNPACK, with LiteRT's own kernels for what it does not take: all of it on the CPU."""

    title = "LiteRT on Android, CPU"
    flags = ("--use_xnnpack=true",)
    delegate = "XNNPack"

    def _all_on_device(self, inside: int, nodes: int) -> bool:
        return True


@backend
class AndroidGpu(_Android):
    """The GPU delegate, in the precision that it chooses; what it does not take, the CPU computes."""

    title = "LiteRT on Android, GPU"
    flags = ("--use_gpu=true",)
    delegate = "Gpu"
