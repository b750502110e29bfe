"""What a network can be asked about a radiograph: is anything broken, which region is it, what type of fracture.

The fracture question is answered by a sample's label, the others by its facet of their name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from edgefrac.datasets.sample import CLASSES, Dataset
from edgefrac.errors import DatasetError

UNKNOWN, NO_TYPE = "unknown", "none"
JOINT = "+"  # "hand+leg": both are shown


@dataclass(frozen=True)
class Question:
    """One question: ``binary`` (no, yes) or ``multilabel`` (each class shown or not), as a contract states its task."""

    name: str
    kind: Literal["binary", "multilabel"]
    classes: tuple[str, ...]

    def answers(self, label: int, facets: Mapping[str, str]) -> tuple[float, ...]:
        """1 or 0 for each output channel of this question; NaN where ``label`` and ``facets`` do not say."""
        if self.kind == "binary":
            return (float(label),)
        if self.name == "type" and label == 0:
            return (0.0,) * len(self.classes)
        said = set(facets.get(self.name, UNKNOWN).split(JOINT))
        if not said & set(self.classes):
            return (math.nan,) * len(self.classes)
        return tuple(float(name in said) for name in self.classes)


FRACTURE = Question("fracture", "binary", CLASSES)


def ask(dataset: Dataset, names: Sequence[str]) -> tuple[Question, ...]:
    """The named questions with the classes that ``dataset``, whose labels are 0 and 1, has for them.

    Raises ``DatasetError`` where it knows fewer than two.
    """
    return tuple(FRACTURE if name == FRACTURE.name else _multilabel(dataset, name) for name in names)


def _multilabel(dataset: Dataset, name: str) -> Question:
    said = {word for sample in dataset.samples for word in sample.facets.get(name, UNKNOWN).split(JOINT)}
    classes = tuple(sorted(said - {UNKNOWN, NO_TYPE}))
    if len(classes) < 2:
        known = sorted({facet for sample in dataset.samples for facet in sample.facets})
        raise DatasetError(
            f"{dataset.name}: cannot be asked for '{name}': {len(classes)} such classes are known of its images",
            hint=f"its images have: {', '.join(known) or 'no facets at all'}",
        )
    return Question(name, "multilabel", classes)
