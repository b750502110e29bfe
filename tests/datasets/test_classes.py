from __future__ import annotations

import pytest

from edgefrac.datasets.classes import class_named, in_order, is_negative, mentions_fracture


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Fractured", "fracture"),
        ("study1_positive", "fracture"),
        ("Non-Fractured", "no fracture"),
        ("study1_negative", "no fracture"),
        ("none", "no fracture"),
        ("Oblique fracture", "oblique"),
        ("Spiral Fracture", "spiral"),
        ("fracture_transverse", "transverse"),
        ("Hairline", "hairline"),
        ("non-displaced", "nondisplaced"),
        ("Fracture Dislocation", "dislocation"),
        ("my_fracture_data", None),
        ("forearm fracture", None),
        ("fracture_", "fracture"),
        ("patient7", None),
        ("", None),
    ],
)
def test_class_named(word: str, name: str | None) -> None:
    assert class_named(word) == name


@pytest.mark.parametrize("name", ["fracture", "Distal radius fracture", "fractured_bone", "hairline-fractures"])
def test_categories_of_fractures(name: str) -> None:
    assert mentions_fracture(name)


@pytest.mark.parametrize(
    "name",
    ["no fracture", "Non-fractured", "nonfractured", "unfractured", "without bone fracture", "no_fracture", "metal"],
)
def test_categories_of_none(name: str) -> None:
    assert not mentions_fracture(name)


def test_order_of_classes() -> None:
    assert in_order(["spiral", "fracture", "avulsion", "no fracture", "spiral"]) == (
        "no fracture",
        "fracture",
        "avulsion",
        "spiral",
    )
    assert is_negative("normal") and not is_negative("abnormal")
