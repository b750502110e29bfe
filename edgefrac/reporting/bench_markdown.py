"""The report in Markdown: the tables and sentences of the page, without its pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence

from edgefrac.reporting.bench_verdict import Headline
from edgefrac.reporting.blocks import Block, Cell, Code, Section, Table, Text, flat

_SPECIAL = re.compile(r"([\\`*\[\]<>|#])")


def markdown(title: str, notice: str, headline: Headline, sections: Sequence[Section]) -> str:
    """The whole document."""
    parts = [f"# {_plain(title)}", f"**{_plain(headline.sentence)}**", _plain(notice)]
    for section in sections:
        parts += [f"## {section.title}", *filter(None, map(_block, flat(section.blocks)))]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Text():
            return _plain(block.text)
        case Code():
            return "\n".join(f"    {line}" for line in block.text.splitlines())
        case Table():
            return _table(block)
        case _:
            return ""


def _table(block: Table) -> str:
    lines = [
        [_plain(column.head) for column in block.columns],
        ["---:" if column.number else "---" for column in block.columns],
        *([text for cell in row for text in _cells(cell)] for row in block.rows),
    ]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    notes = "\n".join(f"{number}. {_plain(note)}" for number, note in enumerate(block.notes, 1))
    return "\n\n".join(filter(None, (f"**{_plain(block.caption)}**", drawn, notes)))


def _cells(cell: Cell) -> list[str]:
    note = f" ({cell.note})" if cell.note else ""
    mark = f" {cell.badge}" if cell.badge and cell.badge != cell.text and cell.badge != "unavailable" else ""
    return [_plain(cell.text) + mark + note, *[""] * (cell.span - 1)]


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
