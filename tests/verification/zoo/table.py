"""The table of the zoo in docs/faults.md: fault, caught, cause named, as gate and diagnosis give them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgefrac.verification.diagnosis import Diagnosis
from edgefrac.verification.verdict import Verdict
from tests.verification.zoo.fault import Fault

PAGE = Path(__file__).parents[3] / "docs" / "faults.md"
_BEGIN, _END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"
_HEAD = "| fault | planted | file | caught by | cause named |\n|---|---|---|---|---|\n"


@dataclass(frozen=True)
class Row:
    """A fault, and what was found."""

    fault: Fault
    verdict: Verdict
    diagnosis: Diagnosis | None

    @property
    def caught_by(self) -> str:
        """The gate, or the diagnosis alone where the numbers cannot fail."""
        if self.verdict.verdict == "failed":
            return "gate"
        return "diagnosis" if self.diagnosis and self.verdict.verdict == "passed" else "nothing"

    @property
    def named(self) -> bool:
        """Whether the diagnosis names the fault."""
        return self.diagnosis is not None and self.diagnosis.cause.startswith(self.fault.cause)

    def __str__(self) -> str:
        cells = (
            self.fault.name,
            self.fault.planted,
            self.verdict.precision,
            self.caught_by,
            self.diagnosis.cause if self.diagnosis else "–",
        )
        return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def table(rows: Iterable[Row]) -> str:
    """In Markdown."""
    return _HEAD + "".join(map(str, rows))


def written(page: str) -> str:
    """The table that the page shows."""
    return page.partition(_BEGIN)[2].partition(_END)[0]


def rewritten(page: str, rows: Iterable[Row]) -> str:
    """The page with another table."""
    before, after = page.partition(_BEGIN)[0], page.partition(_END)[2]
    return f"{before}{_BEGIN}{table(rows)}{_END}{after}"
