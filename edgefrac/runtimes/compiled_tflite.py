"""TFLite files that an NPU's compiler has rewritten: what it took into operators of its own, and what it left."""

from __future__ import annotations

from collections import Counter

from edgefrac.runtimes.backend import Placed
from edgefrac.targets.tflite_graph import Model, operator_name, read_graph


def placed(before: bytes, after: bytes, custom: str, note: str = "") -> Placed:
    """Where the operators of ``before`` run, by kind, once its compiler made ``after`` of it.

    ``custom`` names the compiler's own operator, one for each part of the graph on the NPU; every other operator of
    ``after`` is computed elsewhere.
    """
    compiled = read_graph(after)
    kinds = _kinds(read_graph(before))
    parts, elsewhere = 0, Counter[str]()
    for operator in compiled.subgraphs[0].operators:
        if compiled.operatorCodes[operator.opcodeIndex].customCode == custom.encode():
            parts += 1
        else:
            elsewhere[operator_name(compiled, operator)] += 1
    partitions = f"{parts} part{'s' if parts != 1 else ''} on the NPU"
    return Placed(dict(kinds - elsewhere), dict(elsewhere), "; ".join(filter(None, (partitions, note))))


def _kinds(model: Model) -> Counter[str]:
    return Counter(operator_name(model, operator) for operator in model.subgraphs[0].operators)
