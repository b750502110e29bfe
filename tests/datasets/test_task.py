from __future__ import annotations

from pathlib import Path

import pytest

from edgefrac.datasets import Dataset, Sample, fracture_task
from edgefrac.datasets.sample import FileReader
from edgefrac.errors import DatasetError


def dataset(classes: tuple[str, ...]) -> Dataset:
    samples = (Sample(name, label, FileReader(Path(name)), name) for label, name in enumerate(classes))
    return Dataset("mine", tuple(samples), classes)


def test_types_become_fractures_and_a_facet() -> None:
    task = fracture_task(dataset(("no fracture", "spiral", "torus")))
    assert task.classes == ("no fracture", "fracture")
    assert [(s.label, s.facets.get("type")) for s in task.samples] == [(0, None), (1, "spiral"), (1, "torus")]


def test_the_class_without_fracture_may_stand_anywhere() -> None:
    task = fracture_task(dataset(("spiral", "normal")))
    assert [s.label for s in task.samples] == [1, 0]
    assert dataset(("spiral", "normal")).positives == 1


def test_two_classes_in_order_stay() -> None:
    given = dataset(("normal", "abnormal"))
    assert fracture_task(given) is given


def test_fractures_alone_are_no_fracture_task() -> None:
    with pytest.raises(DatasetError, match=r"none of its classes is without fracture \(spiral, torus\)"):
        fracture_task(dataset(("spiral", "torus")))
