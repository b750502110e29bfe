"""Copies of a radiograph within a data set: identical, re-encoded, scaled, rotated, mirrored, cropped or cut short.

``copies.whole`` finds those that show the same picture from edge to edge, ``copies.moved`` those that were cropped by a
few percent or rotated by a few degrees as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefrac import durable
from edgefrac.datasets.copies.moved import moved_copies
from edgefrac.datasets.copies.whole import whole_copies
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.sample import Dataset
from edgefrac.datasets.survey import Look, survey
from edgefrac.errors import DatasetError
from edgefrac.progress import Track, silent


class Duplicates(BaseModel):
    """What ``find_duplicates`` found (``edgefrac.duplicates/1``), small enough to keep beside the data.

    ``pairs`` are sample ids of copies. ``excluded`` samples are of no use in training or validation: unreadable, or
    copies with contradicting labels. ``sha256`` maps sample id -> ``Radiograph.sha256``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_id: Literal["edgefrac.duplicates/1"] = Field(default="edgefrac.duplicates/1", alias="schema")
    dataset: str
    pairs: tuple[tuple[str, str], ...]
    excluded: tuple[str, ...]
    sha256: dict[str, str]
    findings: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write as JSON; raises ``OutputError``."""
        durable.write(path, self.model_dump_json(by_alias=True, indent=1).encode())


def load_duplicates(path: Path) -> Duplicates:
    """Read what ``Duplicates.save`` wrote; raises ``DatasetError``."""
    try:
        return Duplicates.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise DatasetError(f"{path}: not a list of duplicates ({error.errors()[0]['msg']})") from error


def find_duplicates(dataset: Dataset, *, workers: int = 1, track: Track = silent) -> Duplicates:
    """Decode every radiograph once and compare all with all.

    O(n²): 3,150 images take a minute and a half of one core. With more than one of ``workers``, images are decoded in
    that many processes. See ``duplicates_among`` for the rules.
    """
    return duplicates_among(dataset, survey(dataset, workers=workers, track=track), workers=workers, track=track)


def duplicates_among(dataset: Dataset, looks: Sequence[Look], *, workers: int = 1, track: Track = silent) -> Duplicates:
    """The copies among the radiographs of ``dataset`` that ``survey`` looked at.

    Copies whose labels contradict each other are excluded (which label is right cannot be told); unreadable images
    too. Each is named in ``findings``.
    """
    findings = Findings()
    for look in looks:
        if look.error:
            findings.add("unreadable, left out", look.id)
    read = [look for look in looks if not look.error]
    hashes = {look.id: look.sha256 for look in read}
    ids = list(hashes)
    pairs = [(ids[i], ids[j]) for i, j in _copies(read, workers, track)]
    label_of = {sample.id: sample.label for sample in dataset.samples}
    contradicting = [pair for pair in pairs if label_of[pair[0]] != label_of[pair[1]]]
    for a, b in pairs:
        kind = "pixel-identical" if hashes[a] == hashes[b] else "near-duplicate"
        rule = "with contradicting labels, both left out" if (a, b) in contradicting else "kept in one fold"
        findings.add(f"{kind} pairs {rule}", f"{a} = {b}")
    unreadable = {look.id for look in looks if look.error}
    excluded = sorted({*unreadable, *(name for pair in contradicting for name in pair)})
    return Duplicates(
        dataset=dataset.name,
        pairs=tuple(pairs),
        excluded=tuple(excluded),
        sha256=hashes,
        findings=findings.lines(),
    )


def _copies(looks: Sequence[Look], workers: int, track: Track) -> list[tuple[int, int]]:
    """Index pairs i < j of copies."""
    if not looks:
        return []
    thumbnails = np.stack([look.thumbnail for look in looks]).astype(np.float32)
    ratios = np.array([look.width / look.height for look in looks], np.float32)
    return sorted(whole_copies(thumbnails) | moved_copies(thumbnails, ratios, workers=workers, track=track))
