"""What a section of the report consists of; HTML and Markdown are made from the same blocks, so both say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Cell:
    """One cell. ``badge`` is an evidence level or an outcome, shown as such; ``note`` the number of a footnote.

    ``span``: over how many columns it goes; such a cell is text, also in columns of numbers.
    """

    text: str
    badge: str = ""
    note: int = 0
    span: int = 1


@dataclass(frozen=True)
class Column:
    """Its head, and whether its cells are numbers, which are set flush right."""

    head: str
    number: bool = False


@dataclass(frozen=True)
class Table:
    """The first cell of every row is the row's head. ``notes`` are its footnotes, from 1 on."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass
class Notes:
    """Footnotes of a table while it is made; the same reason gets the same number."""

    texts: list[str] = field(default_factory=list)

    def missing(self, reason: str) -> Cell:
        """A cell for a figure that there is not, with the reason."""
        if reason not in self.texts:
            self.texts.append(reason)
        return Cell("n/a", note=self.texts.index(reason) + 1)

    def given(self, text: str | None, reason: str) -> Cell:
        """The figure, or that there is none."""
        return self.missing(reason) if text is None else Cell(text)


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Code:
    """A command."""

    kind: ClassVar[str] = "code"
    text: str


@dataclass(frozen=True)
class Drawing:
    """A figure that ``draw`` makes as SVG; ``alt`` says what it shows to those who do not see it. ``id`` is its own."""

    kind: ClassVar[str] = "drawing"
    id: str
    caption: str
    alt: str
    draw: Callable[[], str]


@dataclass(frozen=True)
class Photos:
    """PNGs side by side, each with its caption."""

    kind: ClassVar[str] = "photos"
    pictures: tuple[tuple[bytes, str], ...]


@dataclass(frozen=True)
class Slider:
    """Predictive values at a prevalence of the reader's choice.

    Each ratio is a pair (a, b), its quotient a likelihood ratio, so that an infinite one can be written: the estimate
    and the limits of its 95 % interval, of a positive and of a negative answer.
    """

    kind: ClassVar[str] = "slider"
    positive: tuple[tuple[float, float], ...]
    negative: tuple[tuple[float, float], ...]
    start: float


@dataclass(frozen=True)
class Pair:
    """Two blocks beside each other where there is room."""

    kind: ClassVar[str] = "pair"
    blocks: tuple[Text | Table | Drawing, Text | Table | Drawing]


Block = Text | Table | Code | Drawing | Photos | Slider | Pair


def flat(blocks: Sequence[Block]) -> list[Block]:
    """Blocks one below the other."""
    return [each for block in blocks for each in (block.blocks if isinstance(block, Pair) else (block,))]


@dataclass(frozen=True)
class Section:
    """A chapter of the report; ``id`` is its address in the page."""

    id: str
    title: str
    blocks: tuple[Block, ...]


def columns(*heads: str) -> tuple[Column, ...]:
    """Columns by their heads; those that begin with "#" hold numbers."""
    return tuple(Column(head.removeprefix("#"), head.startswith("#")) for head in heads)


Line = list[Cell | str]
"""A row of a table as it is made."""


def table(caption: str, heads: tuple[Column, ...], rows: Sequence[Line | list[str]], notes: Notes) -> Table:
    """A table of cells, of which those without a mark may be given as text."""
    made = tuple(tuple(Cell(cell) if isinstance(cell, str) else cell for cell in row) for row in rows)
    return Table(caption, heads, made, tuple(notes.texts))
