"""Arm's Ethos-U microNPUs, without the device: placement and speed by Arm's compiler, numbers by TFLite's kernels."""

from __future__ import annotations

from pathlib import Path

from edgefrac.runtimes.backend import Backend, EvidenceLevel, Placed, Reported, backend
from edgefrac.runtimes.litert import LiteRTSession
from edgefrac.runtimes.session import ModelKind, Session
from edgefrac.runtimes.vela import compile_for


class _EthosU(Backend):
    """One configuration of the accelerator, in the system that Vela assumes for it.

    The answers are those of TFLite's reference kernels, which round twice, as Vela's commands ask an Ethos-U to; so
    codes differ from the integer network's as they would there (``docs/exactness.md``). That both double roundings are
    one is Arm's statement: no Ethos-U, nor a model of one, ran. What Vela changes in the graph (fused or merged
    operators) is not reproduced.
    """

    device = "npu"
    accelerator: str

    @property
    def evidence_level(self) -> EvidenceLevel:
        return "emulated"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        """An Ethos-U computes in whole numbers only; of an ordinary int8 file it leaves what is behind the map."""
        return kind in (ModelKind.ETHOS_U, ModelKind.TFLITE) and precision == "int8"

    def open(self, path: Path, threads: int = 1) -> Session:
        return LiteRTSession(path, threads, kernels="BUILTIN_REF")

    def placement(self, path: Path) -> Placed:
        """Counted in the file's own operators, before Vela merges any."""
        return compile_for(path, self.accelerator).placement

    def reported(self, path: Path, threads: int = 1) -> Reported | None:
        """Vela's estimate, which counts the operators on the NPU only; None where there are none."""
        return compile_for(path, self.accelerator).estimate


@backend
class EthosU55(_EthosU):
    """128 multiplications a cycle, 500 MHz, all activations in SRAM, weights in flash."""

    title = "Ethos-U55-128"
    accelerator = "ethos-u55-128"


@backend
class EthosU65(_EthosU):
    """256 multiplications a cycle, 1 GHz."""

    title = "Ethos-U65-256"
    accelerator = "ethos-u65-256"


@backend
class EthosU85(_EthosU):
    """256 multiplications a cycle, 1 GHz, activations and weights in DRAM behind a small SRAM."""

    title = "Ethos-U85-256"
    accelerator = "ethos-u85-256"
