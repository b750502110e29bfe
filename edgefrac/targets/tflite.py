"""TFLite (LiteRT) files: convert, finish, and read back what the runtime makes of them.

Every file takes uint8 NHWC pixels and gives ``probability`` [1, K] and ``evidence`` [1, h, w, K] as float32.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from edgefrac.contract import Contract
from edgefrac.errors import ConversionError, ModelFileError
from edgefrac.models.exportable import Exportable
from edgefrac.quantization.ranges import Range
from edgefrac.targets.tflite_graph import finish, operator_name, read_graph, tensor_type
from edgefrac.targets.tflite_metadata import read_contract
from edgefrac.targets.tflite_quantize import half, quantize

SUFFIX = ".tflite"


def convert_float(exportable: Exportable) -> bytes:
    """The float32 graph, NHWC in and out, before ``write`` gives it its uint8 input; raises ConversionError."""
    with _quiet_converter():
        import litert_torch

        wrapped = litert_torch.to_channel_last_io(
            exportable.module.eval(), args=[0], outputs=[1] if exportable.has_evidence else []
        )
        sample = torch.zeros(1, exportable.size, exportable.size, 1)
        try:
            converted = litert_torch.convert(wrapped, (sample,))
            data = bytes(converted.model_content())
        except Exception as error:  # the converter raises whatever its many layers raise
            cause = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise ConversionError(f"TFLite: the network cannot be converted ({cause})") from error
    return data


def write(float_model: bytes, contract: Contract, ranges: dict[str, Range] | None = None) -> bytes:
    """The finished file in the contract's precision; ``ranges`` are needed for int8. Same arguments, same bytes."""
    if contract.precision == "fp32":
        graph = float_model
    elif contract.precision == "fp16":
        graph = half(float_model)
    elif ranges:
        graph = quantize(float_model, ranges)
    else:
        raise ConversionError(
            "int8 needs activation ranges, and this checkpoint carries none",
            hint="give radiographs of the training split with --calibration DIR",
        )
    return finish(graph, contract)


def placement(path: Path) -> dict[str, Any]:
    """What LiteRT makes of a file: operators, element types of their results, XNNPACK partitions, what stays outside.

    Raises ModelFileError for a file without contract, or one that LiteRT does not load.
    """
    from edgefrac.runtimes.litert import make_interpreter

    read_contract(path)
    data = path.read_bytes()
    model = read_graph(data)
    graph = model.subgraphs[0]
    names = [operator_name(model, operator) for operator in graph.operators]
    types = Counter(
        f"{name}:{tensor_type(graph.tensors[operator.outputs[0]])}"
        for name, operator in zip(names, graph.operators, strict=True)
    )
    try:
        interpreter = make_interpreter(data, threads=1)
    except (RuntimeError, ValueError) as error:
        raise ModelFileError(f"{path}: LiteRT does not load it ({error})") from error
    delegates = [d for d in interpreter._get_ops_details() if d["op_name"] == "DELEGATE"]
    inside = {i for d in delegates for i in _computed_by(graph, d)}
    return {
        "operators": dict(sorted(Counter(names).items())),
        "types": dict(sorted(types.items())),
        "xnnpack_partitions": len(delegates),
        "outside_xnnpack": [name for number, name in enumerate(names) if number not in inside],
        "float_convolutions": sum(
            count for key, count in types.items() if "CONV" in key and key.endswith((":float32", ":float16"))
        ),
    }


def input_quantization(path: Path) -> tuple[float, int]:
    """Scale and zero point of the file's pixels; 1/128 and 128 by ``edgefrac.preprocess/1``."""
    graph = read_graph(path.read_bytes()).subgraphs[0]
    quantization = graph.tensors[graph.inputs[0]].quantization
    return float(quantization.scale[0]), int(quantization.zeroPoint[0])


def element_types(path: Path) -> dict[str, int]:
    """How many operators give a result of each element type."""
    graph = read_graph(path.read_bytes()).subgraphs[0]
    return dict(Counter(tensor_type(graph.tensors[operator.outputs[0]]) for operator in graph.operators))


def _computed_by(graph: Any, delegate: dict[str, Any]) -> set[int]:
    """Numbers of the operators between a delegate's outputs and its inputs."""
    maker = {index: number for number, operator in enumerate(graph.operators) for index in operator.outputs}
    stop = {int(i) for i in delegate["inputs"]}
    open_ends = [int(i) for i in delegate["outputs"]]
    found: set[int] = set()
    while open_ends:
        number = maker.get(open_ends.pop())
        if number is not None and number not in found:
            found.add(number)
            open_ends += [int(i) for i in graph.operators[number].inputs if int(i) not in stop]
    return found


@contextlib.contextmanager
def _quiet_converter() -> Iterator[None]:
    """The converter logs its progress at length; keep errors, drop the rest."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
