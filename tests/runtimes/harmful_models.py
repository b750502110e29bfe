"""TFLite files with contract and seal that pass every check of their bytes, and do harm when they are run.

Each is the tiny model of ``tests.tflite_model`` with one operator more, which LiteRT takes at its word.
"""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.tflite_model import Graph, build, contract


def crashing() -> bytes:
    """A branch that leads to itself: LiteRT follows it until its stack is full, which is a SIGSEGV."""

    def itself(graph: Graph) -> tuple[list[int], list[int]]:
        options = schema.IfOptionsT()
        options.thenSubgraphIndex = options.elseSubgraphIndex = 1
        taken, given = (graph.tensor(name, (), schema.TensorType.INT32) for name in ("taken", "given"))
        graph.operator("IF", [graph.constant(np.array(True)), taken], given, options)
        return [taken], [given]

    def also(graph: Graph) -> None:
        options = schema.IfOptionsT()
        options.thenSubgraphIndex = options.elseSubgraphIndex = graph.beside(itself)
        start, end = graph.constant(np.array(0, np.int32)), graph.tensor("end", (), schema.TensorType.INT32)
        graph.operator("IF", [graph.constant(np.array(True)), start], end, options)

    return build(contract(), also)


def hanging() -> bytes:
    """Loops for ever."""

    def always(graph: Graph) -> tuple[list[int], list[int]]:
        return [graph.tensor("taken", (), schema.TensorType.INT32)], [graph.constant(np.array(True))]

    def as_it_is(graph: Graph) -> tuple[list[int], list[int]]:
        taken = graph.tensor("taken", (), schema.TensorType.INT32)
        return [taken], [taken]

    def also(graph: Graph) -> None:
        options = schema.WhileOptionsT()
        options.condSubgraphIndex, options.bodySubgraphIndex = graph.beside(always), graph.beside(as_it_is)
        start, end = graph.constant(np.array(0, np.int32)), graph.tensor("end", (), schema.TensorType.INT32)
        graph.operator("WHILE", [start], end, options)

    return build(contract(), also)


def greedy(megabytes: int) -> bytes:
    """Fills a tensor of this size."""

    def also(graph: Graph) -> None:
        dims = graph.constant(np.array([megabytes, 1 << 18], np.int32))
        huge = graph.tensor("huge", (megabytes, 1 << 18))
        graph.operator("FILL", [dims, graph.constant(np.float32(1))], huge, schema.FillOptionsT())

    return build(contract(), also)
