"""Read back from a TFLite file what a converter and a runtime made of it: operators, element types, placement."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from edgefrac.errors import ModelFileError
from edgefrac.targets.tflite_graph import operator_name, read_graph, tensor_type
from edgefrac.targets.tflite_metadata import read_contract


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
