"""ONNX files: convert a network, finish the file, and say what ONNX Runtime makes of it.

Every file takes uint8 NHWC pixels and gives ``probability`` [1, K] and ``evidence`` [1, h, w, K] as float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefrac.contract import Contract
from edgefrac.targets.registry import Target, target

if TYPE_CHECKING:
    import onnx

    from edgefrac.models.exportable import Exportable
    from edgefrac.quantization.integers import IntegerNetwork
    from edgefrac.quantization.plan import Native


@target
class Onnx(Target):
    """One .onnx file, its weights inside it."""

    name = "onnx"
    title = "ONNX"
    suffix = ".onnx"
    runtime = "ONNX Runtime, CPU"
    extra = "onnx"
    modules = ("torch", "onnx", "onnxscript", "onnxruntime")
    packages = ("onnx", "onnxscript", "onnxruntime")

    def convert(self, exportable: Exportable) -> onnx.ModelProto:
        from edgefrac.targets.onnx_convert import convert

        return convert(exportable)

    def write(self, float_model: onnx.ModelProto, contract: Contract, native: Native | None, path: Path) -> None:
        graph = float_model
        if contract.precision == "fp16":
            from edgefrac.targets.onnx_graph import half

            graph = half(float_model)
        elif contract.precision == "int8":
            images = self.calibration_images(native)
            from edgefrac.targets.onnx_quantize import quantize

            graph = quantize(float_model, images)
        path.write_bytes(self._finished(graph, contract))

    def write_integers(self, network: IntegerNetwork, contract: Contract, path: Path) -> None:
        from edgefrac.targets.onnx_integers import integer_model

        path.write_bytes(self._finished(integer_model(network, contract.input.size), contract))

    def read_contract(self, path: Path) -> Contract:
        from edgefrac.targets.onnx_metadata import read_contract

        return read_contract(path)

    def placement(self, path: Path) -> dict[str, Any]:
        from edgefrac.runtimes.ort import placement

        return placement(path)

    def summary(self, placement: dict[str, Any]) -> str:
        providers = ", ".join(f"{count} {name}" for name, count in placement["providers"].items())
        return f"{providers}: {', '.join(f'{name} {count}' for name, count in placement['types'].items())}"

    def _finished(self, graph: onnx.ModelProto, contract: Contract) -> bytes:
        """The file's bytes."""
        from edgefrac.targets.onnx_graph import finish

        return finish(graph, contract)
