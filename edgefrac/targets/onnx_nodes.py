"""The nodes of an ONNX graph, read without the package ``onnx``, which running a file does not need."""

from __future__ import annotations

from dataclasses import dataclass

from edgefrac.targets.onnx_metadata import fields

_GRAPH, _NODE, _INPUT, _OUTPUT, _NAME, _KIND = 7, 1, 1, 2, 3, 4  # by the numbers of onnx.proto


@dataclass(frozen=True)
class Node:
    """A node's operator (``kind``), its name, and the names of the values that it reads and gives."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def nodes_of(data: bytes) -> list[Node]:
    """The nodes of a model's main graph, in order; raises ValueError for bytes that are no ONNX model."""
    graphs = [(start, stop) for number, start, stop in fields(data, 0, len(data)) if number == _GRAPH]
    places = [part for graph in graphs for part in fields(data, *graph)]
    return [_node(data, start, stop) for number, start, stop in places if number == _NODE]


def _node(data: bytes, start: int, stop: int) -> Node:
    texts: dict[int, list[str]] = {}
    for number, first, last in fields(data, start, stop):
        if number in (_INPUT, _OUTPUT, _NAME, _KIND):
            texts.setdefault(number, []).append(data[first:last].decode("utf-8"))
    kind, name = (texts.get(number, [""])[0] for number in (_KIND, _NAME))
    return Node(kind, name, tuple(texts.get(_INPUT, ())), tuple(texts.get(_OUTPUT, ())))
