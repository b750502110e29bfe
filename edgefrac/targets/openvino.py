"""OpenVINO files: convert a network, finish the pair of files, and say what OpenVINO makes of it.

Every file takes uint8 NHWC pixels and gives ``class_probability`` [1, 2], for OpenVINO Model API, then ``probability``
[1, K] and ``evidence`` [1, h, w, K], as float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefrac.contract import Contract
from edgefrac.targets.registry import Target, target

if TYPE_CHECKING:
    from edgefrac.models.exportable import Exportable
    from edgefrac.quantization.integers import IntegerNetwork
    from edgefrac.quantization.plan import Native
    from edgefrac.targets.openvino_import import ov


@target
class OpenVino(Target):
    """An .xml file with its weights in a .bin beside it."""

    name = "openvino"
    title = "OpenVINO IR"
    suffix = ".xml"
    runtime = "OpenVINO, CPU"
    extra = "openvino"
    modules = ("torch", "openvino")
    packages = ("openvino", "nncf")

    def convert(self, exportable: Exportable) -> ov.Model:
        from edgefrac.targets.openvino_convert import convert

        return convert(exportable)

    def write(self, float_model: ov.Model, contract: Contract, native: Native | None, path: Path) -> None:
        graph = float_model
        if contract.precision == "int8":
            images = self.calibration_images(native)
            from edgefrac.targets.openvino_quantize import quantize

            graph = quantize(float_model, images)
        from edgefrac.targets.openvino_graph import save

        save(graph, contract, path)

    def write_integers(self, network: IntegerNetwork, contract: Contract, path: Path) -> None:
        from edgefrac.targets.openvino_graph import save
        from edgefrac.targets.openvino_integers import integer_model

        save(integer_model(network, contract.input.size), contract, path)

    def promise(self, contract: Contract, network: IntegerNetwork | None = None) -> Contract:
        """Model API reads the first output, so that the others move on by one place."""
        moved = tuple(output.model_copy(update={"index": output.index + 1}) for output in contract.outputs)
        return contract.model_copy(update={"outputs": moved})

    def companions(self, path: Path) -> tuple[Path, ...]:
        from edgefrac.targets.openvino_metadata import weights_of

        return (weights_of(path),)

    def read_contract(self, path: Path) -> Contract:
        from edgefrac.targets.openvino_metadata import read_contract

        return read_contract(path)

    def placement(self, path: Path) -> dict[str, Any]:
        from edgefrac.runtimes.openvino import placement

        return placement(path)

    def summary(self, placement: dict[str, Any]) -> str:
        layers = ", ".join(f"{name} {count}" for name, count in placement["types"].items())
        return f"{sum(placement['operators'].values())} layers on the CPU: {layers}"
