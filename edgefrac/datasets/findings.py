"""Collects what is wrong with a data set: one line per kind, with the rule applied and the images it touches."""

from __future__ import annotations

from collections import defaultdict

_NAMED = 30


class Findings:
    """Image names by kind of finding, in the order in which the kinds first appear."""

    def __init__(self) -> None:
        self._names: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, name: str) -> None:
        """Note that the image ``name`` shows this kind of problem."""
        self._names[kind].append(name)

    def lines(self) -> tuple[str, ...]:
        """One line per kind: "<kind> (<count>): <names>"."""
        return tuple(f"{kind} ({len(names)}): {_listed(names)}" for kind, names in self._names.items())


def _listed(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
