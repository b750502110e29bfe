"""TFLite (LiteRT) files: convert a network, finish the file, and say what XNNPACK makes of it.

Every file takes uint8 NHWC pixels and gives ``probability`` [1, K] and ``evidence`` [1, h, w, K] as float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefrac.contract import Contract
from edgefrac.errors import ConversionError
from edgefrac.targets.registry import CALIBRATION_HINT, Target, target

if TYPE_CHECKING:
    from edgefrac.models.exportable import Exportable
    from edgefrac.quantization.integers import IntegerNetwork
    from edgefrac.quantization.plan import Native, Plan

SUFFIX = ".tflite"


def convert_float(exportable: Exportable) -> bytes:
    """The float32 graph, NHWC in and out, before ``write`` gives it its uint8 input; raises ConversionError."""
    from edgefrac.targets.tflite_convert import convert

    return convert(exportable)


def write(float_model: bytes, contract: Contract, plan: Plan | None = None) -> bytes:
    """The finished file in the contract's precision; a ``plan`` is needed for int8. Same arguments, same bytes."""
    from edgefrac.targets.tflite_graph import finish
    from edgefrac.targets.tflite_quantize import half, quantize

    if contract.precision == "fp32":
        graph = float_model
    elif contract.precision == "fp16":
        graph = half(float_model)
    elif plan:
        graph = quantize(float_model, plan)
    else:
        raise ConversionError(
            "int8 needs activation ranges, and this checkpoint carries none",
            hint=CALIBRATION_HINT,
        )
    return finish(graph, contract)


@target
class TFLite(Target):
    """One .tflite file, for phones."""

    name = "tflite"
    title = "TFLite"
    suffix = SUFFIX
    runtime = "LiteRT, XNNPACK"
    extra = "tflite"
    modules = ("torch", "litert_torch", "ai_edge_quantizer")
    packages = ("litert-torch", "ai-edge-quantizer", "ai-edge-litert")
    by_ranges = True

    def convert(self, exportable: Exportable) -> bytes:
        return convert_float(exportable)

    def write(self, float_model: bytes, contract: Contract, native: Native | None, path: Path) -> None:
        path.write_bytes(write(float_model, contract, native.plan if native else None))

    def write_integers(self, network: IntegerNetwork, contract: Contract, path: Path) -> None:
        from edgefrac.targets.tflite_graph import finish
        from edgefrac.targets.tflite_integers import integer_graph

        path.write_bytes(finish(integer_graph(network, contract.input.size), contract))

    def read_contract(self, path: Path) -> Contract:
        from edgefrac.targets.tflite_metadata import read_contract

        return read_contract(path)

    def placement(self, path: Path) -> dict[str, Any]:
        from edgefrac.targets.tflite_placement import placement

        return placement(path)

    def summary(self, placement: dict[str, Any]) -> str:
        outside = ", ".join(placement["outside_xnnpack"]) or "none"
        return f"{placement['xnnpack_partitions']} XNNPACK, outside: {outside}"

    def input_quantization(self, path: Path) -> tuple[float, int]:
        from edgefrac.targets.tflite_placement import input_quantization

        return input_quantization(path)
