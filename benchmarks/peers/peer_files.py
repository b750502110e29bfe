"""Files of other exporters as they left them, without contract, in their runtimes with EdgeFrac's settings."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.peers.entrants import THREADS
from edgefrac.models.network import channels_last, normalise
from edgefrac.runtimes.litert import make_interpreter
from edgefrac.runtimes.session import Prediction
from edgefrac.targets.openvino_import import ov


class LiteRTFile:
    """A TFLite file that takes float32 NHWC or codes, and gives probability [1, K] and evidence map [1, h, w, K]."""

    def __init__(self, path: Path) -> None:
        self._interpreter = make_interpreter(path.read_bytes(), THREADS)
        (self._input,) = self._interpreter.get_input_details()
        self._outputs = sorted(self._interpreter.get_output_details(), key=lambda detail: len(detail["shape"]))

    def prepare(self, network_input: NDArray[np.uint8]) -> NDArray[Any]:
        values = (network_input.astype(np.float32) - 128) / 128
        kind = self._input["dtype"]
        if kind is not np.float32:
            scale, zero = self._input["quantization"]
            limits = np.iinfo(kind)
            values = np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(kind)
        return values[None, :, :, None]

    def run(self, prepared: NDArray[Any]) -> Prediction:
        self._interpreter.set_tensor(self._input["index"], prepared)
        self._interpreter.invoke()
        probability, evidence = (self._value(detail) for detail in self._outputs)
        return Prediction(probability, evidence)

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        return self.run(self.prepare(network_input))

    def _value(self, detail: dict[str, Any]) -> NDArray[np.float32]:
        value = self._interpreter.get_tensor(detail["index"])[0]
        codes: NDArray[np.float32] = value.astype(np.float32)
        if value.dtype == np.float32:
            return codes
        scale, zero = detail["quantization"]
        return (codes - np.float32(zero)) * np.float32(scale)


class OnnxFile:
    """An ONNX file that takes EdgeFrac's network input."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = THREADS
        options.log_severity_level = 4
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def prepare(self, network_input: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return network_input[None, :, :, None]

    def run(self, prepared: NDArray[np.uint8]) -> Prediction:
        probability, evidence = self._session.run(["probability", "evidence"], {"image": prepared})
        return Prediction(probability[0], evidence[0])

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        return self.run(self.prepare(network_input))


class OpenVinoFile:
    """An OpenVINO file that takes EdgeFrac's network input."""

    def __init__(self, path: Path) -> None:
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": THREADS, "NUM_STREAMS": 1}
        core = ov.Core()
        self._request = core.compile_model(core.read_model(path), "CPU", settings).create_infer_request()

    def prepare(self, network_input: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return network_input[None, :, :, None]

    def run(self, prepared: NDArray[np.uint8]) -> Prediction:
        self._request.infer({"image": prepared})
        probability, evidence = (self._request.get_tensor(name).data[0].copy() for name in ("probability", "evidence"))
        return Prediction(probability, evidence)

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        return self.run(self.prepare(network_input))


class Eager:
    """A network in torch's eager mode, float32, its memory its own.

    ``network`` gives a number for each channel, [1, K], and the evidence map [1, K, h, w]. Its weights are laid out
    channels last, as EdgeFrac runs its checkpoints, unless ``last`` is false.
    """

    def __init__(self, network: nn.Module, *, last: bool = True) -> None:
        torch.set_num_threads(THREADS)
        self._layout = torch.channels_last if last else torch.contiguous_format
        self._network = copy.deepcopy(network)
        if last:
            channels_last(self._network)

    def prepare(self, network_input: NDArray[np.uint8]) -> torch.Tensor:
        image = normalise(torch.from_numpy(network_input.copy())[None, None])
        return image.to(memory_format=self._layout)

    def run(self, prepared: torch.Tensor) -> Prediction:
        with torch.inference_mode():
            numbers, evidence = self._network(prepared)
        return Prediction(numbers[0].numpy(), evidence[0].permute(1, 2, 0).numpy())

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        return self.run(self.prepare(network_input))
