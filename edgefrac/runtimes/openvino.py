"""OpenVINO files in OpenVINO: on the CPU unless told otherwise."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.errors import DeviceError, MissingExtraError
from edgefrac.runtimes.session import NATIVE_ERRORS, FileSession, Prediction, as_promised, errors_name_the_file
from edgefrac.targets.openvino_metadata import sealed_model
from edgefrac.targets.operators import Operator, described

_ELEMENTS = {"u8": "uint8", "i8": "int8", "i32": "int32", "f32": "float32", "f16": "float16", "bf16": "bfloat16"}

CPU = "CPU"
_NO_OPERATORS = {"Constant", "Parameter", "Result"}
_FACTS = ("layerType", "primitiveType")  # of a layer of the compiled model


class OpenVinoSession(FileSession):
    """An OpenVINO file and its weights; their seal is checked before OpenVINO sees their bytes."""

    def __init__(self, path: Path, threads: int = 1, device: str = CPU) -> None:
        """Load ``path``; raises ``ModelFileError`` if it is damaged, or does not keep what its contract promises.

        ``device`` is OpenVINO's name of one, and takes all layers or none. Raises ``DeviceError`` if it is not here.
        """
        compiled, contract = _compile(path, threads, device)
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


def placement(path: Path, device: str = CPU) -> dict[str, Any]:
    """What OpenVINO's plugin of a device compiled: its layers, and the element type that each computes in.

    A function that OpenVINO works into the integer kernel before it is no layer, and so none in float32. Raises
    ModelFileError for a file without contract, or one that OpenVINO does not load.
    """
    compiled, contract = _compile(path, threads=1, device=device)
    layers = compiled.get_runtime_model().get_ops()
    names = [layer.get_friendly_name() for layer in layers]
    number = {name: n for n, name in enumerate(names)}
    reads = [tuple(number[v.get_source_output().get_node().get_friendly_name()] for v in x.inputs()) for x in layers]
    operators = [_operator(layer, name, its, device) for layer, name, its in zip(layers, names, reads, strict=True)]
    maps = [number[o.get_node().get_friendly_name()] for o in compiled.outputs if "evidence" in o.get_names()]
    return described(operators, maps, contract.precision)


def _operator(layer: Any, name: str, reads: tuple[int, ...], device: str) -> Operator:
    """The name of a kernel ends in what it computes in, where 'runtimePrecision' is that of the weights as stored.

    What has no kernel moves no data: constants, inputs and outputs, reshapes.
    """
    facts = {key: value.astype(str) for key, value in layer.get_rt_info().items() if key in _FACTS}
    kind, kernel = (facts[key] for key in _FACTS)
    if kernel.startswith("unknown"):
        return Operator(kind, name, "none", "", reads)
    element = kernel.rpartition("_")[2].lower()
    return Operator(kind, name, _ELEMENTS.get(element, element), device, reads)


def precision_asked_for(path: Path, device: str) -> str:
    """The element type that OpenVINO's plugin of a device computes floats in unless told otherwise, as float16."""
    compiled, _ = _compile(path, threads=1, device=device)
    element = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    return _ELEMENTS.get(element, element)


def devices_here() -> dict[str, str]:
    """OpenVINO's names of the devices here -> their full names; raises ``MissingExtraError``."""
    core = _openvino("OpenVINO's devices").Core()
    return {device: str(core.get_property(device, "FULL_DEVICE_NAME")) for device in core.available_devices}


def operators_taken(path: Path, device: str) -> tuple[dict[str, int], dict[str, int]]:
    """Operators of a file by kind: those that a device's plugin says it takes, and those that it does not.

    What computes nothing is left out: constants, inputs and outputs. Raises as ``OpenVinoSession`` does.
    """
    core, model, _ = _read(path, device)
    with _errors_name_the_file(path, "load"):
        taken = core.query_model(model, device)
    found: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for operator in model.get_ordered_ops():
        if operator.get_type_name() not in _NO_OPERATORS:
            found[operator.get_friendly_name() not in taken][operator.get_type_name()] += 1
    return dict(found[0]), dict(found[1])


def _compile(path: Path, threads: int, device: str) -> tuple[Any, Contract]:
    core, model, contract = _read(path, device)
    settings: dict[str, str | int] = {"NUM_STREAMS": 1}
    if device == CPU:
        # where the CPU has bfloat16, OpenVINO computes in it unless told not to
        settings |= {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    with _errors_name_the_file(path, "load"):
        return core.compile_model(model, device, settings), contract


def _read(path: Path, device: str) -> tuple[Any, Any, Contract]:
    """OpenVINO, which has ``device``, the file's graph and its contract."""
    xml, weights, contract = sealed_model(path)
    ov = _openvino(f"{path}: running an OpenVINO file")
    with _errors_name_the_file(path, "load"):
        core = ov.Core()
        if not any(here.partition(".")[0] == device for here in core.available_devices):
            raise DeviceError(f"OpenVINO finds no {device} here, only {', '.join(core.available_devices)}")
        return core, core.read_model(xml, weights), contract


def _openvino(what: str) -> Any:
    try:
        from edgefrac.targets.openvino_import import ov
    except ModuleNotFoundError:
        raise MissingExtraError(what, "openvino") from None
    return ov


def _described(value: Any) -> tuple[str, str, tuple[int, ...]]:
    element = value.get_element_type().get_type_name()
    return value.get_any_name(), _ELEMENTS.get(element, element), tuple(value.get_partial_shape().to_shape())


def _errors_name_the_file(path: Path, action: str) -> AbstractContextManager[None]:
    return errors_name_the_file(path, "OpenVINO", action, NATIVE_ERRORS)
