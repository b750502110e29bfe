"""ONNX files in ONNX Runtime, on the CPU."""

from __future__ import annotations

import json
import platform
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.errors import MissingExtraError, ModelFileError
from edgefrac.runtimes.session import Prediction, as_promised
from edgefrac.targets.onnx_metadata import sealed_model

_FATAL = 4
_ELEMENTS = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
_PROVIDERS = ["CPUExecutionProvider"]


class OnnxSession:
    """An ONNX file in ONNX Runtime; its seal is checked before the runtime sees its bytes."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load ``path``; raises ``ModelFileError`` if it is damaged, or does not keep what its contract promises."""
        self._path = path
        data, self._contract = sealed_model(path)
        ort = _runtime(path)
        with _errors_name_the_file(path, "load"):
            self._session = ort.InferenceSession(data, _options(ort, threads), providers=_PROVIDERS)
            found = (self._session.get_inputs(), self._session.get_outputs())
            inputs, outputs = ([_described(value) for value in values] for values in found)
        as_promised(path, self._contract, inputs, outputs)
        self._names = [output.name for output in self._contract.outputs]

    @property
    def path(self) -> Path:
        """The .onnx file."""
        return self._path

    @property
    def contract(self) -> Contract:
        """What the file promises."""
        return self._contract

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]. Raises ``ModelFileError`` if the file computes no finite number."""
        with _errors_name_the_file(self._path, "run"):
            values = self._session.run(self._names, {self._contract.input.name: network_input[None, :, :, None]})
        found = {name: value[0] for name, value in zip(self._names, values, strict=True)}
        if not np.isfinite(found["probability"]).all():
            raise ModelFileError(f"{self._path}: the model's probability is not a finite number")
        return Prediction(found["probability"], found.get("evidence"))


def placement(path: Path) -> dict[str, Any]:
    """What ONNX Runtime ran for one image: kernels, element types of their results, and who provided them.

    Raises ModelFileError for a file without contract, or one that ONNX Runtime does not load.
    """
    data, contract = sealed_model(path)
    ort = _runtime(path)
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder, _errors_name_the_file(path, "run"):
        options = _options(ort, threads=1)
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        session = ort.InferenceSession(data, options, providers=_PROVIDERS)
        session.run(None, {contract.input.name: np.zeros(contract.input.shape, np.uint8)})
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = [event["args"] for event in events if event["name"].endswith("_kernel_time")]
    types = Counter(f"{node['op_name']}:{_result_type(node)}" for node in nodes)
    return {
        "operators": dict(sorted(Counter(node["op_name"] for node in nodes).items())),
        "types": dict(sorted(types.items())),
        "providers": dict(sorted(Counter(node["provider"] for node in nodes).items())),
    }


def _result_type(node: dict[str, Any]) -> str:
    shapes = node["output_type_shape"]
    element = next(iter(shapes[0])) if shapes else ""
    return {"float": "float32", "": "none"}.get(element, element)


def _runtime(path: Path) -> Any:
    try:
        import onnxruntime
    except ModuleNotFoundError:
        raise MissingExtraError(f"{path}: running an ONNX file", "onnx") from None
    onnxruntime.disable_telemetry_events()  # which its builds for Windows send
    return onnxruntime


def _options(ort: Any, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    if not _adds_bytes_exactly():
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


@cache
def _adds_bytes_exactly(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether ONNX Runtime's fast int8 kernels are exact here; its exact ones take twice as long.

    Without VNNI, those for x86 add products of bytes in 16 bits and cut sums off. Where a system does not tell what its
    processor has, exactness goes first.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return True
    try:
        return "_vnni" in cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def _described(value: Any) -> tuple[str, str, tuple[int, ...]]:
    return value.name, _ELEMENTS.get(value.type, value.type), tuple(value.shape)


@contextmanager
def _errors_name_the_file(path: Path, action: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # ONNX Runtime's own classes have no base but Exception
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: ONNX Runtime cannot {action} it ({cause})") from error
