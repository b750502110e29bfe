"""OpenVINO files in OpenVINO, on the CPU."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.errors import MissingExtraError
from edgefrac.runtimes.session import FileSession, Prediction, as_promised, errors_name_the_file
from edgefrac.targets.openvino_metadata import sealed_model
from edgefrac.targets.operators import Operator, described

_ELEMENTS = {"u8": "uint8", "i8": "int8", "i32": "int32", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}

_FACTS = ("layerType", "primitiveType")  # of a layer of the compiled model


class OpenVinoSession(FileSession):
    """An OpenVINO file and its weights; their seal is checked before OpenVINO sees their bytes."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Load ``path``; raises ``ModelFileError`` if it is damaged, or does not keep what its contract promises."""
        compiled, contract = _compile(path, threads)
        super().__init__(path, contract)
        with _errors_name_the_file(path, "load"):
            inputs, outputs = ([_described(v) for v in vs] for vs in (compiled.inputs, compiled.outputs))
            self._request = compiled.create_infer_request()
        as_promised(path, self._contract, inputs, outputs)
        self._indices = {output.name: output.index for output in self._contract.outputs}

    def predict(self, network_input: NDArray[np.uint8]) -> Prediction:
        """Run on one network input, uint8 [S, S]. Raises ``ModelFileError`` if the file computes no finite number."""
        with _errors_name_the_file(self._path, "run"):
            self._request.infer({self._contract.input.name: network_input[None, :, :, None]})
            found: dict[str, NDArray[np.float32]] = {
                n: self._request.get_output_tensor(i).data[0].copy() for n, i in self._indices.items()
            }
        return self._prediction(found)


def placement(path: Path) -> dict[str, Any]:
    """What OpenVINO's CPU plugin compiled: its layers, and the element type that each computes in.

    A function that OpenVINO works into the integer kernel before it is no layer, and so none in float32. Raises
    ModelFileError for a file without contract, or one that OpenVINO does not load.
    """
    compiled, contract = _compile(path, threads=1)
    layers = compiled.get_runtime_model().get_ops()
    names = [layer.get_friendly_name() for layer in layers]
    number = {name: n for n, name in enumerate(names)}
    reads = [tuple(number[v.get_source_output().get_node().get_friendly_name()] for v in x.inputs()) for x in layers]
    operators = [_operator(layer, name, its) for layer, name, its in zip(layers, names, reads, strict=True)]
    maps = [number[o.get_node().get_friendly_name()] for o in compiled.outputs if "evidence" in o.get_names()]
    return described(operators, maps, contract.precision)


def _operator(layer: Any, name: str, reads: tuple[int, ...]) -> Operator:
    """The name of a kernel ends in what it computes in, where 'runtimePrecision' is that of the weights as stored.

    What has no kernel moves no data: constants, inputs and outputs, reshapes.
    """
    facts = {key: value.astype(str) for key, value in layer.get_rt_info().items() if key in _FACTS}
    kind, kernel = (facts[key] for key in _FACTS)
    if kernel.startswith("unknown"):
        return Operator(kind, name, "none", "", reads)
    element = kernel.rpartition("_")[2].lower()
    return Operator(kind, name, _ELEMENTS.get(element, element), "CPU", reads)


def _compile(path: Path, threads: int) -> tuple[Any, Contract]:
    xml, weights, contract = sealed_model(path)
    try:
        from edgefrac.targets.openvino_import import ov
    except ModuleNotFoundError:
        raise MissingExtraError(f"{path}: running an OpenVINO file", "openvino") from None
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",  # where the CPU has bfloat16, OpenVINO computes in it unless told not to
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    with _errors_name_the_file(path, "load"):
        core = ov.Core()
        return core.compile_model(core.read_model(xml, weights), "CPU", settings), contract


def _described(value: Any) -> tuple[str, str, tuple[int, ...]]:
    element = value.get_element_type().get_type_name()
    return value.get_any_name(), _ELEMENTS.get(element, element), tuple(value.get_partial_shape().to_shape())


def _errors_name_the_file(path: Path, action: str) -> AbstractContextManager[None]:
    return errors_name_the_file(path, "OpenVINO", action, (RuntimeError, ValueError, TypeError))
