"""Sound model files to start from, each a few kilobytes: a net of ten operators, and an int8 student."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.fuzzing.mending import paired


def tflite_files() -> Mapping[str, bytes]:
    """Float32, and int8."""
    from tests import tflite_model

    return {"tiny.tflite": tflite_model.build(tflite_model.contract()), "student.tflite": _students()[0]}


def onnx_files() -> Mapping[str, bytes]:
    """Float32, and int8."""
    from tests import onnx_model

    return {"tiny.onnx": onnx_model.build(), "student.onnx": _students()[1]}


def ort_files() -> Mapping[str, bytes]:
    """Float32, and int8."""
    from edgefrac.targets.ort_convert import to_ort

    return {Path(name).stem + ".ort": to_ort(data) for name, data in onnx_files().items()}


def openvino_files() -> Mapping[str, bytes]:
    """Float32, graph and weights in one."""
    from edgefrac.targets.openvino_metadata import weights_of
    from tests import openvino_model

    with tempfile.TemporaryDirectory() as folder:
        path = openvino_model.build(Path(folder) / "tiny.xml")
        return {"tiny.xml+bin": paired(path.read_bytes(), weights_of(path).read_bytes())}


def checkpoints() -> Mapping[str, bytes]:
    """One with full weights, and one with half of the bytes."""
    from edgefrac.models.checkpoint import save_checkpoint
    from edgefrac.models.network import FractureNet
    from tests.models.networks import info

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for half in (False, True):
            path = Path(folder) / f"{'half' if half else 'full'}.safetensors"
            save_checkpoint(path, FractureNet("micro"), info(architecture="micro"), half=half)
            found[path.name] = path.read_bytes()
    return found


def _students() -> tuple[bytes, bytes]:
    from tests.runtimes import int8_student

    with tempfile.TemporaryDirectory() as folder:
        tflite, onnx = (path.read_bytes() for path in int8_student.write(Path(folder)))
    return tflite, onnx
