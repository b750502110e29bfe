"""Phones' NPUs through LiteRT's ahead-of-time compilation, one chip of each vendor."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from edgefrac.errors import DeviceError
from edgefrac.runtimes.backend import Backend, EvidenceLevel, Placed, backend
from edgefrac.runtimes.litert_aot import compile_ahead
from edgefrac.runtimes.session import ModelKind


class _LiteRTNpu(Backend):
    """A file is compiled for the chip, which alone can run the result: only where operators would run is known."""

    device = "npu"
    vendor: str
    soc: str

    @property
    def evidence_level(self) -> EvidenceLevel:
        """Of what its compiler says; an answer there is none."""
        return "predicted"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        return kind is ModelKind.TFLITE

    def open(self, path: Path, threads: int = 1) -> NoReturn:
        """Raises DeviceError always: with what the compiler lacks, else because the chip is not here."""
        compile_ahead(path, self.vendor, self.soc)
        raise DeviceError(f"{path}: compiled for {self.soc}, and nothing here can run that")

    def placement(self, path: Path) -> Placed:
        return compile_ahead(path, self.vendor, self.soc)


@backend
class Qualcomm(_LiteRTNpu):
    """Snapdragon 8 Gen 3."""

    title = "LiteRT NPU (Qualcomm SM8650)"
    vendor = "qualcomm"
    soc = "SM8650"


@backend
class MediaTek(_LiteRTNpu):
    """Dimensity 9300."""

    title = "LiteRT NPU (MediaTek MT6989)"
    vendor = "mediatek"
    soc = "MT6989"


@backend
class GoogleTensor(_LiteRTNpu):
    """Pixel 10."""

    title = "LiteRT NPU (Google Tensor G5)"
    vendor = "google_tensor"
    soc = "Tensor_G5"
