"""The tiny model of ``tests.tflite_model`` as an OpenVINO graph, node by node, finished as any graph is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from edgefrac.contract import Contract
from edgefrac.targets.openvino_graph import save
from edgefrac.targets.registry import find
from tests import onnx_model
from tests.tflite_model import BIAS, CELL, SIZE


def contract() -> Contract:
    """What the tiny file promises."""
    return find("openvino").promise(onnx_model.contract())


def graph(bias: float = BIAS) -> ov.Model:
    """image -> float -> (x - 128) / 128 -> average pool = evidence; its mean plus the bias, logistic = probability."""

    def constant(value: object, dtype: type = np.float32) -> ov.Node:
        return ops.constant(np.array(value, dtype))

    image = ops.parameter([1, SIZE, SIZE, 1], np.uint8, name="image")
    image.output(0).set_names({"image"})
    scaled = ops.multiply(ops.subtract(ops.convert(image, "f32"), constant(128)), constant(1 / 128))
    first = ops.transpose(scaled, constant([0, 3, 1, 2], np.int64))
    pooled = ops.avg_pool(first, [CELL] * 2, [0, 0], [0, 0], [CELL] * 2, exclude_pad=True)
    evidence = ops.transpose(pooled, constant([0, 2, 3, 1], np.int64))
    logit = ops.add(ops.reduce_mean(evidence, constant([1, 2], np.int64), keep_dims=False), constant(bias))
    results = [ops.result(evidence), ops.result(ops.sigmoid(logit))]
    for result, name in zip(results, ("evidence", "probability"), strict=True):
        result.output(0).set_names({name})
    return ov.Model(results, [image], "tiny")


def build(path: Path, bias: float = BIAS) -> Path:
    """Write the finished pair of files."""
    save(graph(bias), contract(), path)
    return path
