"""Qualcomm's Hexagon NPU, without the phone: compiled for it, and run on the emulator that comes with the compiler."""

from __future__ import annotations

from pathlib import Path

from edgefrac.runtimes.backend import Backend, EvidenceLevel, Placed, backend
from edgefrac.runtimes.session import ModelKind, Session


@backend
class QualcommHtp(Backend):
    """The HTP (v75) of a Snapdragon 8 Gen 3; an emulator's time says nothing of a phone's, so no speed is given."""

    device = "npu"
    title = "Qualcomm HTP v75"

    @property
    def evidence_level(self) -> EvidenceLevel:
        return "emulated"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        """int8 only: the emulator's float16 answers have nothing to do with the file's (``docs/npu.md``)."""
        return kind is ModelKind.ONNX and precision == "int8"

    def open(self, path: Path, threads: int = 1) -> Session:
        from edgefrac.runtimes.htp import HtpSession

        return HtpSession(path, threads)

    def placement(self, path: Path) -> Placed:
        from edgefrac.runtimes.htp import placement

        return placement(path)
