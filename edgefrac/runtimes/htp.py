"""Qualcomm's Hexagon tensor processor (HTP), as ``onnxruntime-qnn`` compiles for it and emulates it on x86-64."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import DeviceError, MissingExtraError
from edgefrac.runtimes.backend import Placed
from edgefrac.runtimes.litert import quiet_native_log
from edgefrac.runtimes.ort import OnnxSession, session_options
from edgefrac.runtimes.session import Prediction, errors_name_the_file
from edgefrac.targets.onnx_metadata import sealed_model
from edgefrac.targets.onnx_nodes import Node, nodes_of

_PROVIDER = "QNNExecutionProvider"
_PART = "EPContext"
_SETTINGS = {
    # Snapdragon 8 Gen 3 (SM8650). Without them an older HTP is emulated, which rounds otherwise
    "soc_model": "57",
    "htp_arch": "75",
    # else what turns pixels into codes, and codes into numbers, at either end may be left to the processor
    "offload_graph_io_quantization": "0",
}


class HtpSession(OnnxSession):
    """An ONNX file on the emulated HTP; its seal is checked before Qualcomm's compiler sees its bytes."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load ``path``; raises as OnnxSession, MissingExtraError without onnxruntime-qnn, DeviceError if it fails."""
        _devices()
        with quiet_native_log():
            super().__init__(path, threads, (_PROVIDER,))

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]. Raises ``ModelFileError`` if the file computes no finite number."""
        with quiet_native_log():
            return super().predict(network_input)

    def _start(self, ort: Any, data: bytes, options: Any, providers: Sequence[str]) -> Any:
        _use_htp(options)
        return ort.InferenceSession(data, options)


def placement(path: Path) -> Placed:
    """What a file becomes when it is compiled for the HTP: its parts there, and each operator that is left over.

    Raises as HtpSession does.
    """
    data, _ = sealed_model(path)
    _devices()
    from edgefrac.targets.onnxruntime_import import ort

    with (
        tempfile.TemporaryDirectory(prefix="edgefrac-") as folder,
        quiet_native_log(),
        errors_name_the_file(path, "onnxruntime-qnn", "compile", Exception),
    ):
        compiled = Path(folder, "compiled.onnx")
        options = session_options(ort, threads=1)
        for name, value in {"enable": "1", "file_path": str(compiled), "embed_mode": "0"}.items():
            options.add_session_config_entry(f"ep.context_{name}", value)
        _use_htp(options)
        ort.InferenceSession(data, options)
        if not compiled.is_file():  # nothing of it is for the HTP
            return placed(nodes_of(data), nodes_of(data))
        return placed(nodes_of(data), nodes_of(compiled.read_bytes()))


def placed(before: list[Node], after: list[Node]) -> Placed:
    """Where the operators of ``before`` run, by kind, once ``after`` was compiled from it."""
    compiled = Counter(node.kind for node in after)
    parts = compiled.pop(_PART, 0)
    kinds = Counter(node.kind for node in before)
    note = f"{parts} part{'s' if parts != 1 else ''} on the NPU, its float operators in float16" if parts else ""
    return Placed(dict(kinds - compiled), dict(compiled), note)


def _use_htp(options: Any) -> None:
    import onnxruntime_qnn

    options.add_provider_for_devices(_devices()[:1], {"backend_path": onnxruntime_qnn.get_qnn_htp_path(), **_SETTINGS})


@cache
def _devices() -> list[Any]:
    """What ONNX Runtime offers for Qualcomm's provider, once it has loaded it."""
    try:
        import onnxruntime_qnn

        from edgefrac.targets.onnxruntime_import import ort
    except ModuleNotFoundError:
        raise MissingExtraError("Qualcomm's HTP", "npu") from None
    try:
        with quiet_native_log():
            ort.register_execution_provider_library(_PROVIDER, onnxruntime_qnn.get_library_path())
            found = [device for device in ort.get_ep_devices() if device.ep_name == _PROVIDER]
    except Exception as error:  # its own classes have no base
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DeviceError(f"onnxruntime-qnn does not load here ({cause})") from error
    if not found:
        raise DeviceError("onnxruntime-qnn finds no device here")
    return found
