"""Collects what is wrong with a data set: one line per kind, with the rule applied and the images it touches."""

from __future__ import annotations

from collections import defaultdict

_NAMED = 30


class Finding(str):
    """One line, "<kind> (<count>): <names>", that also holds its ``kind`` and all its ``names``."""

    kind: str
    names: tuple[str, ...]

    def __new__(cls, kind: str, names: tuple[str, ...]) -> Finding:
        """Write the line; a long list of names is cut short in it."""
        finding = super().__new__(cls, f"{kind} ({len(names)}): {_listed(names)}")
        finding.kind, finding.names = kind, names
        return finding

    def __getnewargs__(self) -> tuple[str, tuple[str, ...]]:  # type: ignore[override]
        """What ``__new__`` needs to make it again after pickling."""
        return self.kind, self.names


class Findings:
    """Image names by kind of finding, in the order in which the kinds first appear."""

    def __init__(self) -> None:
        self._names: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, kind: str, name: str) -> None:
        """Note that the image ``name`` shows this kind of problem."""
        self._names[kind].append(name)

    def lines(self) -> tuple[Finding, ...]:
        """One line per kind."""
        return tuple(Finding(kind, tuple(names)) for kind, names in self._names.items())


def _listed(names: tuple[str, ...]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
