"""ONNX files, and those of ONNX Runtime's own format, in ONNX Runtime: on the CPU unless told otherwise."""

from __future__ import annotations

import json
import platform
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.errors import DeviceError, MissingExtraError
from edgefrac.runtimes.session import (
    FileSession,
    ModelKind,
    Prediction,
    as_promised,
    errors_name_the_file,
    model_kind,
)
from edgefrac.targets import onnx_metadata, ort_metadata
from edgefrac.targets.onnx_nodes import Node, nodes_of
from edgefrac.targets.operators import Operator, described

_FATAL = 4
_KERNEL = "_kernel_time"  # what the profile adds to a node's name
_ELEMENTS = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
CPU = "CPUExecutionProvider"


class OnnxSession(FileSession):
    """An ONNX or ORT file in ONNX Runtime; its seal is checked before the runtime sees its bytes."""

    def __init__(self, path: Path, threads: int = 1, providers: Sequence[str] = (CPU,)) -> None:
        """Load ``path``; raises ``ModelFileError`` if it is damaged, or does not keep what its contract promises.

        ``providers`` are ONNX Runtime's, the first to be preferred. Raises ``DeviceError`` where that one does not
        start, for then ONNX Runtime would go on without it.
        """
        data, contract = _sealed_model(path)
        super().__init__(path, contract)
        ort = _runtime(path)
        with _errors_name_the_file(path, "load"):
            self._session = self._start(ort, data, session_options(ort, threads), providers)
            found = (self._session.get_inputs(), self._session.get_outputs())
            inputs, outputs = ([_described(value) for value in values] for values in found)
        _require(self._session, providers[0], path)
        as_promised(path, self._contract, inputs, outputs)
        self._names = [output.name for output in self._contract.outputs]

    def _start(self, ort: Any, data: bytes, options: Any, providers: Sequence[str]) -> Any:
        """ONNX Runtime's own session."""
        return ort.InferenceSession(data, options, providers=list(providers))

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]. Raises ``ModelFileError`` if the file computes no finite number."""
        with _errors_name_the_file(self._path, "run"):
            values = self._session.run(self._names, {self._contract.input.name: network_input[None, :, :, None]})
        found: dict[str, NDArray[np.float32]] = {
            name: value[0] for name, value in zip(self._names, values, strict=True)
        }
        return self._prediction(found)


def placement(path: Path) -> dict[str, Any]:
    """What ONNX Runtime ran for one image: kernels, element types of their results, and who provided them.

    The kernels and what each reads come from the graph as ONNX Runtime optimised it, the rest from its profile. Raises
    ModelFileError for a file without contract, or one that ONNX Runtime does not load.
    """
    data, contract = _sealed_model(path)
    ort = _runtime(path)
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder, _errors_name_the_file(path, "run"):
        optimised = Path(folder, "optimised.onnx")
        options = session_options(ort, threads=1)
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        options.optimized_model_filepath = str(optimised)
        ran = _profile(ort.InferenceSession(data, options, providers=[CPU]), contract)
        nodes = nodes_of(optimised.read_bytes())
        operators = _operators(nodes, ran)
    evidence = [number for number, node in enumerate(nodes) if "evidence" in node.outputs]
    return {
        **described(operators, evidence, contract.precision),
        "providers": dict(sorted(Counter(operator.place for operator in operators).items())),
    }


def kernels_by_provider(path: Path, providers: Sequence[str]) -> dict[str, dict[str, int]]:
    """What ran for one image, by ONNX Runtime's profile: provider -> kind of kernel -> how many.

    A compiling provider's kernel may stand for many operators. Raises as ``OnnxSession`` does.
    """
    data, contract = _sealed_model(path)
    ort = _runtime(path)
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        options = session_options(ort, threads=1)
        options.enable_profiling = True
        options.profile_file_prefix = f"{folder}/profile"
        with _errors_name_the_file(path, "run"):
            session = ort.InferenceSession(data, options, providers=list(providers))
            ran = list(_profile(session, contract).values())
    _require(session, providers[0], path)
    places = {facts["provider"] for facts in ran}
    return {place: dict(Counter(f["op_name"] for f in ran if f["provider"] == place)) for place in sorted(places)}


@cache
def starts(provider: str) -> bool:
    """Whether a provider that ONNX Runtime was built with finds its libraries and its device here.

    ONNX Runtime itself only says on the screen that it goes on with another one.
    """
    import onnxruntime

    from edgefrac.runtimes.litert import quiet_native_log

    with quiet_native_log(), redirect_stdout(StringIO()):
        try:
            session = onnxruntime.InferenceSession(_one_operator(), providers=[provider, CPU])
        except Exception:  # ONNX Runtime's own classes have no base but this
            return False
    return bool(session.get_providers()[0] == provider)


def _one_operator() -> bytes:
    """An ONNX file that hands float32 [1] on, in protobuf by hand, for the package ``onnx`` need not be here."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    def value(name: bytes) -> bytes:
        tensor_type = b"\x08\x01" + field(2, field(1, b"\x08\x01"))  # float32, one dimension of 1
        return field(1, name) + field(2, field(1, tensor_type))

    node = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"one") + field(11, value(b"x")) + field(12, value(b"y"))
    return b"\x08\x08" + field(8, b"\x10\x0d") + field(7, graph)  # format version 8, operator set 13


def _profile(session: Any, contract: Contract) -> dict[str, dict[str, Any]]:
    """Name of each kernel -> what the profile says of it, for one image."""
    session.run(None, {contract.input.name: np.zeros(contract.input.shape, np.uint8)})
    events = json.loads(Path(session.end_profiling()).read_text())
    return {e["name"].removesuffix(_KERNEL): e["args"] for e in events if e["name"].endswith(_KERNEL)}


def _require(session: Any, provider: str, path: Path) -> None:
    if session.get_providers()[0] != provider:
        raise DeviceError(f"{path}: ONNX Runtime has {provider}, but it does not start here")


def _sealed_model(path: Path) -> tuple[bytes, Contract]:
    if model_kind(path) is ModelKind.ORT:
        return ort_metadata.sealed_model(path)
    return onnx_metadata.sealed_model(path)


def _operators(nodes: list[Node], ran: dict[str, dict[str, Any]]) -> list[Operator]:
    maker = {value: number for number, node in enumerate(nodes) for value in node.outputs}
    names = _names(nodes, ran)
    return [
        Operator(
            node.kind,
            name,
            _result_type(ran[name]),
            ran[name]["provider"],
            tuple(maker[value] for value in node.inputs if value in maker),
        )
        for node, name in zip(nodes, names, strict=True)
    ]


def _names(nodes: list[Node], ran: dict[str, dict[str, Any]]) -> list[str]:
    """Each node's name in the profile, which makes names up, in order, for nodes that an optimisation left without."""
    named = {node.name for node in nodes}
    made_up: dict[str, list[str]] = {}
    for name, facts in ran.items():
        if name not in named:
            made_up.setdefault(facts["op_name"], []).append(name)
    return [node.name or made_up[node.kind].pop(0) for node in nodes]


def _result_type(node: dict[str, Any]) -> str:
    shapes = node["output_type_shape"]
    element = next(iter(shapes[0])) if shapes else ""
    return {"float": "float32", "": "none"}.get(element, element)


def _runtime(path: Path) -> Any:
    try:
        from edgefrac.targets.onnxruntime_import import ort
    except ModuleNotFoundError:
        raise MissingExtraError(f"{path}: running an ONNX file", "onnx") from None
    return ort


def session_options(ort: Any, threads: int) -> Any:
    """What ONNX Runtime is told for every session on the CPU, and to be quiet."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    # else its threads go on spinning for some 50 ms after an answer, and slow down whatever runs next
    options.add_session_config_entry("session.force_spinning_stop", "1")
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


def _errors_name_the_file(path: Path, action: str) -> AbstractContextManager[None]:
    """ONNX Runtime's own classes have no base but Exception."""
    return errors_name_the_file(path, "ONNX Runtime", action, Exception)
