"""Files in ONNX Runtime's own format, for apps whose build of it leaves the ONNX parser out.

Each is made from the ONNX file of the same precision: the same input, outputs, contract and numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgefrac.contract import Contract
from edgefrac.targets.onnx import Onnx
from edgefrac.targets.registry import target

if TYPE_CHECKING:
    import onnx


@target
class Ort(Onnx):
    """One .ort file."""

    name = "ort"
    title = "ORT"
    suffix = ".ort"

    def read_contract(self, path: Path) -> Contract:
        from edgefrac.targets.ort_metadata import read_contract

        return read_contract(path)

    def _finished(self, graph: onnx.ModelProto, contract: Contract) -> bytes:
        from edgefrac.targets.ort_convert import to_ort

        return to_ort(super()._finished(graph, contract))
