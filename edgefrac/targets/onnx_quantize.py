"""int8 by ONNX Runtime's own quantizer, to compare the exact plan with: static, QDQ, one scale for each channel."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from edgefrac.targets.quiet import cannot_convert, quiet_converter


def quantize(model: onnx.ModelProto, images: NDArray[np.uint8]) -> onnx.ModelProto:
    """The float32 graph as int8, its ranges the extremes over network inputs uint8 [N, S, S]; raises ConversionError.

    Convolutions and the sums of branches become int8, with uint8 activations. Mean, calibration and sigmoid stay
    float32, so that the probability is not rounded twice.
    """
    with quiet_converter(), tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        from edgefrac.targets import onnxruntime_import  # noqa: F401 - before the next, to keep telemetry out
        from onnxruntime import quantization as ort  # isort: skip

        given, prepared, made = (Path(folder) / f"{name}.onnx" for name in ("float", "prepared", "int8"))
        onnx.save(model, given)
        try:
            ort.shape_inference.quant_pre_process(given, prepared, skip_symbolic_shape=True)
            ort.quantize_static(
                prepared,
                made,
                _reader(ort, images),
                quant_format=ort.QuantFormat.QDQ,
                per_channel=True,
                activation_type=ort.QuantType.QUInt8,
                weight_type=ort.QuantType.QInt8,
                op_types_to_quantize=["Conv", "Add"],
                nodes_to_exclude=_additions_of_constants(onnx.load(prepared).graph),
            )
            return onnx.load(made)
        except Exception as error:  # ONNX Runtime's own classes have no base but this
            raise cannot_convert("ONNX", error) from error


def _reader(ort: Any, images: NDArray[np.uint8]) -> Any:
    class Reader(ort.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.feeds = iter(images)

        def get_next(self) -> dict[str, Any] | None:
            image = next(self.feeds, None)
            return None if image is None else {"image": image[None, :, :, None]}

    return Reader()


def _additions_of_constants(graph: onnx.GraphProto) -> list[str]:
    """Names of the additions that calibrate the probability; those of branches add two results."""
    constants = {tensor.name for tensor in graph.initializer}
    return [node.name for node in graph.node if node.op_type == "Add" and constants & set(node.input)]
