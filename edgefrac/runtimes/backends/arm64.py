"""An arm64 CPU: this machine's own where it has one, else one that qemu emulates, for numbers and not for speed."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import DeviceError
from edgefrac.progress import Track, silent
from edgefrac.runtimes.arm64 import DEFAULT, emulator, is_set_up, set_up
from edgefrac.runtimes.backend import Answered, EvidenceLevel, Placed, backend
from edgefrac.runtimes.bare import Answers
from edgefrac.runtimes.cache_folder import cache_folder
from edgefrac.runtimes.computed_precision import probe_images
from edgefrac.runtimes.elsewhere import Elsewhere
from edgefrac.runtimes.session import ModelKind, Session, model_kind, open_session
from edgefrac.targets.registry import of_kind


def _is_arm64() -> bool:
    return platform.machine().lower() in {"aarch64", "arm64"}


class _Arm64(Elsewhere):
    device = "arm64"
    kinds: tuple[ModelKind, ...]

    @property
    def evidence_level(self) -> EvidenceLevel:
        if _is_arm64():
            return "measured"
        try:
            self.available()
        except DeviceError:
            return "unavailable"
        return "emulated"

    @property
    def timed(self) -> bool:
        return _is_arm64()

    def takes(self, kind: ModelKind, precision: str) -> bool:
        return kind in self.kinds

    def available(self) -> str:
        if _is_arm64():
            return f"this machine is {platform.machine()}"
        emulator()
        there = "in" if is_set_up(cache_folder()) else "about 230 MB will be fetched by apt and pip into"
        return f"{DEFAULT} emulated by qemu, {there} {cache_folder()}"

    def open(self, path: Path, threads: int = 1) -> Session:
        return open_session(path, threads) if _is_arm64() else super().open(path, threads)

    def answers(self, path: Path, images: NDArray[np.uint8], track: Track = silent) -> Answered:
        """As those of every backend; of one process for all images where the processor is emulated."""
        if _is_arm64():
            return Answered.of([open_session(path).predict(image) for image in images])
        return super().answers(path, images, track)

    def ask(self, path: Path, images: NDArray[np.uint8], threads: int = 1) -> Answered:
        """From one process of the emulated machine, which is set up first where it is not there."""
        found = self._emulated(path, images, threads)
        return Answered(found.probability, found.evidence if found.evidence.ndim == 4 else None)

    def placement(self, path: Path) -> Placed:
        """All operators, for whatever library computes one does so on the CPU; and the library, as seen there."""
        target = of_kind(model_kind(path).value)
        assert target is not None
        found = target.placement(path)
        if _is_arm64():
            return Placed(found["types"], note=target.summary(found))
        image = probe_images(open_session(path).contract.input.size, 1)
        return Placed(found["types"], note=f"{DEFAULT} emulated by qemu; {self._emulated(path, image, 1).runtime}")

    def _emulated(self, path: Path, images: NDArray[np.uint8], threads: int) -> Answers:
        self.available()
        (found,) = set_up(cache_folder(), _untold).python().run([path], images, threads)
        return found


def _untold(_: str) -> None:
    """Where a backend is asked, nobody listens to notes of its setting up."""


@backend
class LiteRTArm64(_Arm64):
    """LiteRT's interpreter with XNNPACK's kernels for NEON and its dot products."""

    title = "LiteRT arm64"
    kinds = (ModelKind.TFLITE,)


@backend
class OnnxRuntimeArm64(_Arm64):
    """ONNX Runtime's CPU execution provider with its kernels for arm64."""

    title = "ONNX Runtime arm64"
    kinds = (ModelKind.ONNX, ModelKind.ORT)


@backend
class OpenVinoArm64(_Arm64):
    """OpenVINO's plugin for Arm CPUs, on real ones only."""

    title = "OpenVINO arm64"
    kinds = (ModelKind.OPENVINO,)

    def available(self) -> str:
        if not _is_arm64():
            raise DeviceError(
                "OpenVINO's plugin for Arm crashes (SIGSEGV) on the processor that qemu emulates",
                hint="run it on an arm64 machine",
            )
        return super().available()
