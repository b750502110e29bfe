"""Files that cannot be read, or only in part, or not as they lie, or whose picture may name the patient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from edgefrac.datasets.audit.finding import AuditFinding, named
from edgefrac.datasets.survey import Look


def file_findings(looks: Sequence[Look]) -> Iterator[AuditFinding]:
    """Unreadable and truncated files, those that EXIF turns, and those with what looks like text in the picture."""
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
    yield from _of(
        looks,
        lambda look: bool(look.identifying),
        "identifying",
        "Images that may tell who the patient is, by text in the picture or by what the file says of it",
        "kept, and nothing is painted over; look at them before a picture of them is passed on",
    )


def _of(
    looks: Sequence[Look], test: Callable[[Look], bool], kind: str, title: str, rule: str
) -> Iterator[AuditFinding]:
    yield from named(kind, "files", title, rule, tuple((look.id,) for look in looks if test(look)))
