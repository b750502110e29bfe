"""The NPU of Intel's Core Ultra processors, in OpenVINO: where there is one, with its driver."""

from __future__ import annotations

from pathlib import Path

from edgefrac.errors import DeviceError
from edgefrac.runtimes.backend import Backend, EvidenceLevel, Placed, backend
from edgefrac.runtimes.session import ModelKind, Session

_NPU = "NPU"
_HINT = "it needs a Core Ultra processor and Intel's NPU driver: https://github.com/intel/linux-npu-driver"


@backend
class OpenVinoNpu(Backend):
    """OpenVINO's NPU plugin, which compiles a file whole or refuses it. Floats are computed in float16."""

    device = "npu"
    title = "OpenVINO NPU"
    timed = True

    @property
    def evidence_level(self) -> EvidenceLevel:
        return "measured"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        return kind is ModelKind.OPENVINO

    def open(self, path: Path, threads: int = 1) -> Session:
        from edgefrac.runtimes.openvino import OpenVinoSession

        try:
            return OpenVinoSession(path, device=_NPU)
        except DeviceError as error:
            raise DeviceError(error.message, hint=_HINT) from error

    def placement(self, path: Path) -> Placed:
        """As the plugin says which operators it takes."""
        from edgefrac.runtimes.openvino import operators_taken

        try:
            return Placed(*operators_taken(path, _NPU))
        except DeviceError as error:
            raise DeviceError(error.message, hint=_HINT) from error
