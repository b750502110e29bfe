"""A small int8 student with random weights, as TFLite and ONNX files of the same whole numbers."""

from __future__ import annotations

from pathlib import Path

from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.targets import onnx_graph, onnx_integers
from edgefrac.targets.tflite_graph import finish
from edgefrac.targets.tflite_integers import integer_graph
from tests.models.networks import info, lively, phantoms
from tests.quantization.integer_networks import integer_network

SIZE = 64


def write(folder: Path) -> tuple[Path, Path]:
    """``student.tflite`` and ``student.onnx`` in ``folder``."""
    network = integer_network("micro", SIZE)
    exportable = from_checkpoint(lively("micro", phantoms(2, size=SIZE)), info(architecture="micro", input_size=SIZE))
    contract = exportable.contract("int8", identify(info(), "0" * 64), "phantoms")
    files = folder / "student.tflite", folder / "student.onnx"
    files[0].write_bytes(finish(integer_graph(network, SIZE), contract))
    files[1].write_bytes(onnx_graph.finish(onnx_integers.integer_model(network, SIZE), contract))
    return files
