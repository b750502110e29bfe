"""What a split must not separate, where a source names patients for some or none of its images."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from edgefrac.datasets.blocks import id_blocks
from edgefrac.datasets.sample import Sample


def grouped(samples: Sequence[Sample]) -> list[Sample]:
    """Name the groups of samples without one: blocks of the numbers at the end of their names, else the file itself."""
    series: defaultdict[str, list[tuple[int, Sample]]] = defaultdict(list)
    group_of: dict[str, str] = {}
    for sample in samples:
        stem = PurePosixPath(sample.id).stem
        if sample.group:
            group_of[sample.id] = sample.group
        elif number := re.search(r"\d+$", stem):
            series[stem[: number.start()]].append((int(number.group()), sample))
        else:
            group_of[sample.id] = sample.id
    for prefix, members in series.items():
        blocks = id_blocks([number for number, _ in members], [str(sample.label) for _, sample in members])
        group_of |= {sample.id: f"{prefix}{block}" for (_, sample), block in zip(members, blocks, strict=True)}
    return [replace(sample, group=group_of[sample.id]) for sample in samples]


class Patients:
    """Numbers patients in the order in which they appear, since what a table calls them may be their name."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def group(self, patient: str) -> str:
        """ "patient 1", "patient 2", … ; an empty string for an empty one."""
        patient = patient.strip()
        return f"patient {self._numbers.setdefault(patient, len(self._numbers) + 1)}" if patient else ""
