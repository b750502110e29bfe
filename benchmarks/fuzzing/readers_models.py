"""Readers of model files: the contract out of a file, and the runtime that opens and runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.fuzzing import mending
from benchmarks.fuzzing import seeds_models as seeds
from benchmarks.fuzzing.mutation import blunt
from benchmarks.fuzzing.mutation_binary import change_protobuf, change_safetensors, change_words
from benchmarks.fuzzing.mutation_text import change_attribute, change_markup
from benchmarks.fuzzing.reader import Reader, from_file
from edgefrac.errors import ModelFileError
from edgefrac.runtimes.session import model_kind, open_session
from edgefrac.targets import onnx_metadata, openvino_metadata, ort_metadata, tflite_metadata
from edgefrac.targets.registry import of_kind

_LARGEST_INPUT = 512


def _as_pair(read: Callable[[Path], object]) -> Callable[[Path], object]:
    """An OpenVINO model is two files, of which ``mending.paired`` makes one input."""

    def call(path: Path) -> object:
        xml, weights = mending.unpaired(path.read_bytes())
        path.write_bytes(xml)
        path.with_suffix(".bin").write_bytes(weights)
        return read(path)

    return call


def _change_pair(random: Random, data: bytes) -> bytes:
    xml, weights = mending.unpaired(data)
    if random.random() < 0.85:
        change = change_attribute if random.random() < 0.7 else change_markup
        return mending.paired(change(random, xml), weights)
    return mending.paired(xml, blunt(random, weights))


def _run(path: Path) -> None:
    """What `edgefrac predict` and `edgefrac inspect` do with a model file."""
    session = open_session(path)
    side = session.contract.input.size
    if not 0 < side <= _LARGEST_INPUT:
        raise ModelFileError(f"{path}: an input of {side} px is no subject of this test")
    session.predict(np.zeros((side, side), np.uint8))
    if target := of_kind(model_kind(path).value):
        target.placement(path)


def _header(path: Path) -> None:
    from edgefrac.models.checkpoint import read_info

    read_info(path)


_flat, _proto, _weights = (change_words,), (change_protobuf,), (change_safetensors,)
_tflite, _onnx, _ort = "ai_edge_litert.interpreter", "onnxruntime", "onnxruntime"
READERS = (
    Reader(
        "tflite-contract", from_file(tflite_metadata.read_contract), seeds.tflite_files, _flat, mending.tflite, weight=5
    ),
    Reader("onnx-contract", from_file(onnx_metadata.read_contract), seeds.onnx_files, _proto, mending.onnx, weight=4),
    Reader("ort-contract", from_file(ort_metadata.read_contract), seeds.ort_files, _flat, mending.ort, weight=4),
    Reader(
        "openvino-contract",
        from_file(_as_pair(openvino_metadata.read_contract), ".xml"),
        seeds.openvino_files,
        (_change_pair,),
        mending.openvino,
        weight=4,
    ),
    Reader("checkpoint-header", from_file(_header), seeds.checkpoints, _weights, modules=("torch",), weight=3),
    Reader("tflite", from_file(_run), seeds.tflite_files, _flat, mending.tflite, (_tflite,), True, 3),
    Reader("onnx", from_file(_run), seeds.onnx_files, _proto, mending.onnx, (_onnx, "onnx"), True, 3),
    Reader("ort", from_file(_run), seeds.ort_files, _flat, mending.ort, (_ort,), True, 3),
    Reader(
        "openvino",
        from_file(_as_pair(_run), ".xml"),
        seeds.openvino_files,
        (_change_pair,),
        mending.openvino,
        ("openvino",),
        True,
        3,
    ),
    Reader("checkpoint", from_file(_run), seeds.checkpoints, _weights, None, ("torch",), True, 3),
)
"""In the order of the report."""
