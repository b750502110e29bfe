"""Read back from a TFLite file what a converter and a runtime made of it: operators, element types, placement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgefrac.contract import Contract
from edgefrac.errors import ModelFileError
from edgefrac.targets.operators import Operator, described
from edgefrac.targets.tflite_graph import Model, operator_name, read_graph, tensor_type
from edgefrac.targets.tflite_metadata import read_contract

_DELEGATED, _OWN = "XNNPACK", "LiteRT"


def placement(path: Path) -> dict[str, Any]:
    """What LiteRT makes of a file: operators, element types of their results, XNNPACK partitions, what stays outside.

    Raises ModelFileError for a file without contract, or one that LiteRT does not load.
    """
    contract = read_contract(path)
    try:
        return _placement(path.read_bytes(), contract)
    except Exception as error:  # the graph of a forged file can make what reads it raise nearly anything
        cause = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelFileError(f"{path}: LiteRT does not load it ({cause})") from error


def _placement(data: bytes, contract: Contract) -> dict[str, Any]:
    from edgefrac.runtimes.litert import make_interpreter

    model = read_graph(data)
    graph = model.subgraphs[0]
    interpreter = make_interpreter(data, threads=1)
    delegates = [d for d in interpreter._get_ops_details() if d["op_name"] == "DELEGATE"]
    inside = {i for d in delegates for i in _computed_by(graph, d)}
    operators = _operators(model, inside)
    evidence = [n for n, operator in enumerate(graph.operators) if _gives_map(graph, operator)]
    return {
        **described(operators, evidence, contract.precision),
        "xnnpack_partitions": len(delegates),
        "outside_xnnpack": [operator.typed for operator in operators if operator.place == _OWN],
    }


def input_quantization(path: Path) -> tuple[float, int]:
    """Scale and zero point of the file's pixels; 1/128 and 128 by ``edgefrac.preprocess/1``."""
    graph = read_graph(path.read_bytes()).subgraphs[0]
    quantization = graph.tensors[graph.inputs[0]].quantization
    return float(quantization.scale[0]), int(quantization.zeroPoint[0])


def _operators(model: Model, inside: set[int]) -> list[Operator]:
    """All operators in order; TFLite gives them no names, so that numbers stand for them."""
    graph = model.subgraphs[0]
    maker = _makers(graph)
    return [
        Operator(
            operator_name(model, operator),
            str(number),
            tensor_type(graph.tensors[operator.outputs[0]]),
            _DELEGATED if number in inside else _OWN,
            tuple(maker[int(i)] for i in operator.inputs if int(i) in maker),
        )
        for number, operator in enumerate(graph.operators)
    ]


def _makers(graph: Any) -> dict[int, int]:
    return {int(index): number for number, operator in enumerate(graph.operators) for index in operator.outputs}


def _gives_map(graph: Any, operator: Any) -> bool:
    outputs = {int(i) for i in graph.outputs if len(graph.tensors[i].shape) == 4}
    return not outputs.isdisjoint(int(i) for i in operator.outputs)


def _computed_by(graph: Any, delegate: dict[str, Any]) -> set[int]:
    """Numbers of the operators between a delegate's outputs and its inputs."""
    maker = _makers(graph)
    stop = {int(i) for i in delegate["inputs"]}
    open_ends = [int(i) for i in delegate["outputs"]]
    found: set[int] = set()
    while open_ends:
        number = maker.get(open_ends.pop())
        if number is not None and number not in found:
            found.add(number)
            open_ends += [int(i) for i in graph.operators[number].inputs if int(i) not in stop]
    return found
