"""A file's operators as a runtime compiled them, and those that compute in float where integers should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_FLOATS = ("float32", "float16", "bfloat16")
_CODES = ("int8", "uint8", "int16")
# by their names in all runtimes, without case and underscores
_MOVES = frozenset(
    "broadcastto cast convert depthtospace dequantize dequantizelinear expand expanddims flatten identity quantize "
    "quantizelinear reorder reshape slice squeeze stridedslice transpose unsqueeze".split()
)
_TAIL = frozenset(
    "add concat concatenation eltwise logistic math mean mul multiply reduce reducemean sigmoid sub subgraph".split()
)


@dataclass(frozen=True)
class Operator:
    """One operator: what it is (``kind``), what the runtime calls it, the element type it computes in, and who runs it.

    ``place`` is empty for what is in the graph, and runs nothing. ``reads`` are the numbers, in the list of all
    operators, of those whose results it reads.
    """

    kind: str
    name: str
    element: str
    place: str
    reads: tuple[int, ...]

    @property
    def typed(self) -> str:
        """Such as "CONV_2D:int8"."""
        return f"{self.kind}:{self.element}"

    @property
    def moves(self) -> bool:
        """Whether it computes nothing, but moves values or changes their type."""
        return self._plain in _MOVES

    @property
    def floats(self) -> bool:
        """Whether it computes in float."""
        return self.element in _FLOATS and not self.moves

    @property
    def may_end(self) -> bool:
        """Whether it may stand behind the evidence map: mean, calibration and sigmoid do."""
        return self._plain in _TAIL

    @property
    def _plain(self) -> str:
        return self.kind.replace("_", "").lower()


def described(operators: Sequence[Operator], evidence: Iterable[int], precision: str) -> dict[str, Any]:
    """What all placements have in common; ``evidence`` are the numbers of the operators that give the evidence map."""
    running = [operator for operator in operators if operator.place]
    places = sorted({operator.place for operator in running})
    return {
        "operators": _counted(operator.kind for operator in running),
        "types": _counted(operator.typed for operator in running),
        "places": {p: _counted(operator.typed for operator in running if operator.place == p) for p in places},
        "stray_floats": stray_floats(operators, evidence) if precision == "int8" else [],
    }


def stray_floats(operators: Sequence[Operator], evidence: Iterable[int]) -> list[str]:
    """The operators of an int8 file that compute in float before its last integer or its evidence map, in order.

    Behind the map, float32 is meant to be: its mean, the calibration and the sigmoid. Anything else there is named too.
    """
    ends = {number for number, one in enumerate(operators) if one.element in _CODES and not one.moves}
    needed = _upstream(operators, ends | set(evidence))
    return [
        f"{operator.kind} {operator.name} in {operator.element}"
        for number, operator in enumerate(operators)
        if operator.floats and (number in needed or not operator.may_end)
    ]


def _upstream(operators: Sequence[Operator], ends: set[int]) -> set[int]:
    found: set[int] = set()
    open_ends = list(ends)
    while open_ends:
        number = open_ends.pop()
        if number not in found:
            found.add(number)
            open_ends += operators[number].reads
    return found


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
