"""The fracture task, which has two classes, out of a data set that may have more."""

from __future__ import annotations

from dataclasses import replace

from edgefrac.datasets.classes import is_negative
from edgefrac.datasets.sample import CLASSES, Dataset, Sample
from edgefrac.errors import DatasetError


def fracture_task(dataset: Dataset) -> Dataset:
    """Label 0 for the class that says nothing is broken, 1 for any other, whose name becomes the facet 'type'.

    A data set of two such classes stays as it is. Raises ``DatasetError`` if no class says that nothing is broken.
    """
    intact = [label for label, name in enumerate(dataset.classes) if is_negative(name)]
    if not intact:
        raise DatasetError(
            f"{dataset.name}: none of its classes is without fracture ({', '.join(dataset.classes)})",
            hint="add images without fracture in a class named 'normal'",
        )
    if len(dataset.classes) == 2 and intact == [0]:
        return dataset

    def binary(sample: Sample) -> Sample:
        if sample.label in intact:
            return replace(sample, label=0)
        return replace(sample, label=1, facets={**sample.facets, "type": dataset.classes[sample.label]})

    return replace(dataset, samples=tuple(binary(sample) for sample in dataset.samples), classes=CLASSES)
