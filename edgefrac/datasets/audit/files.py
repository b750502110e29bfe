"""Files that cannot be read, or only in part, or not as they lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgefrac.datasets.audit.finding import AuditFinding, named
from edgefrac.datasets.survey import Look


def file_findings(looks: Sequence[Look]) -> Iterator[AuditFinding]:
    """Unreadable and truncated files, and those that EXIF turns."""
    yield from _of(
        looks, lambda look: bool(look.error), "unreadable", "Unreadable files", "left out of training and evaluation"
    )
    yield from _of(
        looks,
        lambda look: any(note.startswith("truncated") for note in look.notes),
        "truncated",
        "Truncated JPEG files",
        "kept: the rows that are there are decoded, the missing ones are black; with under a quarter of the rows a file"
        " counts as unreadable",
    )
    yield from _of(
        looks,
        lambda look: any(note.startswith("EXIF orientation") for note in look.notes),
        "exif-rotation",
        "Images that their EXIF tag turns",
        "turned upright on reading; boxes refer to the upright image",
    )


def _of(
    looks: Sequence[Look], test: Callable[[Look], bool], kind: str, title: str, rule: str
) -> Iterator[AuditFinding]:
    yield from named(kind, "files", title, rule, tuple((look.id,) for look in looks if test(look)))
