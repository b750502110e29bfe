"""This machine's CPU, in each runtime that takes a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from edgefrac.runtimes.backend import Backend, EvidenceLevel, Placed, backend
from edgefrac.runtimes.session import ModelKind, Session, model_kind, open_session
from edgefrac.targets.registry import of_kind


class _Cpu(Backend):
    device = "cpu"
    timed = True
    kinds: tuple[ModelKind, ...]

    @property
    def evidence_level(self) -> EvidenceLevel:
        return "measured"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        return kind in self.kinds

    def open(self, path: Path, threads: int = 1) -> Session:
        return open_session(path, threads)

    def placement(self, path: Path) -> Placed:
        """All operators, for whatever library computes one, it does so on the CPU."""
        target = of_kind(model_kind(path).value)
        if target is None:
            return Placed({}, note="torch")
        found = target.placement(path)
        return Placed(found["types"], note=target.summary(found))


@backend
class LiteRT(_Cpu):
    """LiteRT's interpreter with XNNPACK."""

    title = "LiteRT"
    bare = True
    kinds = (ModelKind.TFLITE, ModelKind.ETHOS_U)


@backend
class LiteRTCompiled(_Cpu):
    """LiteRT's CompiledModel, which phones use, on the CPU."""

    title = "LiteRT CompiledModel"
    kinds = (ModelKind.TFLITE,)

    def open(self, path: Path, threads: int = 1) -> Session:
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import CpuOptions, Options

        from edgefrac.runtimes.litert_compiled import CompiledSession

        return CompiledSession(path, Options(HardwareAccelerator.CPU, CpuOptions(num_threads=threads)))


@backend
class OnnxRuntime(_Cpu):
    """ONNX Runtime's CPU execution provider."""

    title = "ONNX Runtime"
    bare = True
    kinds = (ModelKind.ONNX, ModelKind.ORT)


@backend
class OpenVino(_Cpu):
    """OpenVINO's CPU plugin."""

    title = "OpenVINO"
    bare = True
    kinds = (ModelKind.OPENVINO,)


@backend
class Torch(_Cpu):
    """The float32 network in torch, operator by operator."""

    title = "torch"
    bare = True
    kinds = (ModelKind.CHECKPOINT,)


@backend
class TorchCompiled(_Cpu):
    """The same through ``torch.compile``, which needs a C++ compiler; opened again, it is not compiled again."""

    title = "torch.compile"
    kinds = (ModelKind.CHECKPOINT,)

    @cache  # noqa: B019 - there is one backend of this kind, for as long as the process lives
    def open(self, path: Path, threads: int = 1) -> Session:
        from edgefrac.runtimes.torch import CompiledTorchSession

        return CompiledTorchSession(path, threads)
