from __future__ import annotations

import math

import pytest

from edgefrac.datasets import open_dataset
from edgefrac.datasets.questions import FRACTURE, ask
from edgefrac.datasets.sample import Dataset, FileReader, Sample
from edgefrac.errors import DatasetError


def dataset(*facets: dict[str, str]) -> Dataset:
    samples = (Sample(str(i), i % 2, FileReader(f"{i}.png"), str(i), facets=each) for i, each in enumerate(facets))
    return Dataset("three", tuple(samples))


def test_classes_come_from_the_facets() -> None:
    data = dataset({"region": "leg"}, {"region": "hand+leg", "type": "spiral"}, {"region": "unknown", "type": "none"})
    fracture, region = ask(data, ["fracture", "region"])
    assert fracture == FRACTURE
    assert (region.kind, region.classes) == ("multilabel", ("hand", "leg"))


def test_answers_of_each_question() -> None:
    data = dataset({"region": "leg", "type": "none"}, {"region": "hand", "type": "spiral"}, {}, {"type": "oblique"})
    fracture, region, kind = ask(data, ["fracture", "region", "type"])
    assert [fracture.answers(label, {}) for label in (0, 1)] == [(0.0,), (1.0,)]
    assert region.answers(0, {"region": "hand+leg"}) == (1.0, 1.0)
    assert region.answers(1, {"region": "leg"}) == (0.0, 1.0)
    assert kind.answers(1, {"type": "spiral"}) == (0.0, 1.0)
    assert kind.answers(0, {}) == (0.0, 0.0), "what is not broken has no type of fracture"


@pytest.mark.parametrize("facets", [{}, {"region": "unknown"}, {"region": "skull"}])
def test_what_is_not_said_is_not_known(facets: dict[str, str]) -> None:
    (region,) = ask(dataset({"region": "leg"}, {"region": "hand"}), ["region"])
    assert all(math.isnan(value) for value in region.answers(1, facets))


def test_a_question_that_the_data_cannot_answer() -> None:
    with pytest.raises(DatasetError, match="'type': 1 such classes") as caught:
        ask(dataset({"region": "leg"}, {"type": "spiral"}), ["type"])
    assert "region, type" in caught.value.hint


def test_phantoms_know_region_and_type() -> None:
    region, kind = ask(open_dataset("phantom:n=60,seed=1"), ["region", "type"])
    assert "hand" in region.classes and "spiral" in kind.classes and "none" not in kind.classes
