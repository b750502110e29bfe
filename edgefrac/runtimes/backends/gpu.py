"""This machine's GPU: LiteRT's accelerator, ONNX Runtime's CUDA and TensorRT, OpenVINO's plugin."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import DeviceError, MissingExtraError
from edgefrac.progress import Track, silent
from edgefrac.runtimes.backend import Answered, Backend, EvidenceLevel, Placed, backend
from edgefrac.runtimes.computed_precision import computed_in, probe_images
from edgefrac.runtimes.session import ModelKind, Session, model_kind, open_session
from edgefrac.targets.registry import of_kind


class _Gpu(Backend):
    device = "gpu"
    kinds: tuple[ModelKind, ...]

    @property
    def evidence_level(self) -> EvidenceLevel:
        try:
            self.available()
        except (DeviceError, MissingExtraError):
            return "unavailable"
        return "measured"

    @property
    def timed(self) -> bool:
        return self.evidence_level == "measured"

    def takes(self, kind: ModelKind, precision: str) -> bool:
        return kind in self.kinds

    def _precision(self, path: Path, enforced: Answered | None = None) -> str:
        """What the GPU really computed in, in words."""
        session = open_session(path)
        images = probe_images(session.contract.input.size)
        on_cpu = Answered.of([session.predict(image) for image in images])
        integers = session.contract.precision == "int8"
        return computed_in(self.answers(path, images), on_cpu, enforced, integers=integers)


@backend
class LiteRTGpu(_Gpu):
    """LiteRT's CompiledModel on its GPU accelerator alone, in the precision that this chooses.

    Answers come from a process of its own, and a file is tried in one before it is opened in this, which would not
    survive a driver that crashes.
    """

    title = "LiteRT GPU"
    kinds = (ModelKind.TFLITE,)

    @property
    def evidence_level(self) -> EvidenceLevel:
        from edgefrac.runtimes.litert_gpu import adapter

        try:
            return "emulated" if adapter().software else "measured"
        except DeviceError:
            return "unavailable"

    def available(self) -> str:
        from edgefrac.runtimes.litert_gpu import adapter

        return str(adapter())

    def open(self, path: Path, threads: int = 1) -> Session:
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.options import Options

        from edgefrac.runtimes.litert_compiled import CompiledSession
        from edgefrac.runtimes.litert_gpu import ask

        images = probe_images(open_session(path).contract.input.size, 1)
        ask(path, images)
        session = CompiledSession(path, Options(HardwareAccelerator.GPU))
        if not session.fully_accelerated:
            raise DeviceError(f"{path}: LiteRT's GPU accelerator does not take all of its operators")
        return session

    def answers(self, path: Path, images: NDArray[np.uint8], track: Track = silent) -> Answered:
        """As those of every backend."""
        from edgefrac.runtimes.litert_gpu import ask

        (found,) = (ask(path, images) for _ in track([path], f"{path.name} on {self.title}"))
        return found

    def placement(self, path: Path) -> Placed:
        """All operators, for a file of which one is left to the CPU is refused; and the precision."""
        from edgefrac.runtimes.litert_gpu import adapter, ask

        size = open_session(path).contract.input.size
        precision = self._precision(path, ask(path, probe_images(size), "GPU_F32"))
        target = of_kind(model_kind(path).value)
        assert target is not None
        return Placed(target.placement(path)["types"], note=f"{adapter()}; {precision}")


class _OnnxProvider(_Gpu):
    """An execution provider of ONNX Runtime, with its CPU provider for the operators that it does not take."""

    kinds = (ModelKind.ONNX, ModelKind.ORT)
    provider: ClassVar[str]
    needs: ClassVar[str]
    libraries: ClassVar[str]

    def available(self) -> str:
        if find_spec("onnxruntime") is None:
            raise MissingExtraError(f"{self.title} on a GPU", "onnx")
        from edgefrac.runtimes.ort import starts
        from edgefrac.targets.onnxruntime_import import ort

        if self.provider not in ort.get_available_providers():
            raise DeviceError(f"the installed ONNX Runtime has no {self.provider}", hint=self.needs)
        if not starts(self.provider):
            raise DeviceError(f"ONNX Runtime has {self.provider}, but it does not start here", hint=self.libraries)
        return f"{self.provider} of ONNX Runtime {ort.__version__}"

    def open(self, path: Path, threads: int = 1) -> Session:
        from edgefrac.runtimes.ort import CPU, OnnxSession

        self.available()
        return OnnxSession(path, threads, [self.provider, CPU])

    def placement(self, path: Path) -> Placed:
        """By ONNX Runtime's own profile of one image."""
        from edgefrac.runtimes.ort import CPU, kernels_by_provider

        self.available()
        ran = kernels_by_provider(path, [self.provider, CPU])
        inside = ran.pop(self.provider, {})
        if not inside:
            raise DeviceError(f"{path}: ONNX Runtime ran none of its operators on {self.provider}")
        outside = {f"{kind} ({place})": n for place, kinds in ran.items() for kind, n in kinds.items()}
        return Placed(inside, outside, note=self._precision(path))


_GPU_BUILD = "pip uninstall onnxruntime; pip install onnxruntime-gpu, on a machine with NVIDIA's driver"


@backend
class OnnxCuda(_OnnxProvider):
    """NVIDIA's CUDA in ONNX Runtime."""

    title = "ONNX Runtime CUDA"
    provider = "CUDAExecutionProvider"
    needs = _GPU_BUILD
    libraries = "install NVIDIA's driver, CUDA and cuDNN in the versions that ONNX Runtime's page on CUDA names"


@backend
class OnnxTensorRt(_OnnxProvider):
    """NVIDIA's TensorRT in ONNX Runtime; one of its kernels stands for many operators."""

    title = "ONNX Runtime TensorRT"
    provider = "TensorrtExecutionProvider"
    needs = f"{_GPU_BUILD} and TensorRT"
    libraries = "install NVIDIA's driver, CUDA, cuDNN and TensorRT in the versions that ONNX Runtime's page names"


@backend
class OpenVinoGpu(_Gpu):
    """OpenVINO's plugin for Intel's GPUs, which takes a file whole, in the precision that this chooses."""

    title = "OpenVINO GPU"
    kinds = (ModelKind.OPENVINO,)
    plugin: ClassVar[str] = "GPU"

    def available(self) -> str:
        from edgefrac.runtimes.openvino import devices_here

        here = devices_here()
        names = [name for device, name in here.items() if device.partition(".")[0] == self.plugin]
        if not names:
            raise DeviceError(
                f"OpenVINO finds no {self.plugin} here, only {', '.join(here)}",
                hint="install the compute runtime (OpenCL) of an Intel GPU",
            )
        return names[0]

    def open(self, path: Path, threads: int = 1) -> Session:
        from edgefrac.runtimes.openvino import OpenVinoSession

        return OpenVinoSession(path, threads, self.plugin)

    def placement(self, path: Path) -> Placed:
        """Layers as the plugin compiled them, the precision that it was compiled for, and the one it shows."""
        from edgefrac.runtimes.openvino import placement, precision_asked_for

        found = placement(path, self.plugin)
        note = f"{self.available()}; floats in {precision_asked_for(path, self.plugin)}; {self._precision(path)}"
        return Placed(found["types"], note=note)
