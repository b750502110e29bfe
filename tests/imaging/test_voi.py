"""Lookup tables and windows against the formulas of DICOM PS3.3 C.11.2, written out value by value."""

from __future__ import annotations

from math import exp, floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefrac.imaging.voi import Lut, Rescale, Window, range_to_grey

VALUES = np.arange(-1200, 1201)


def linear(x: float, c: float, w: float) -> float:
    """C.11.2.1.2.1, with ymin = 0 and ymax = 255."""
    if x <= c - 0.5 - (w - 1) / 2:
        return 0
    if x > c - 0.5 + (w - 1) / 2:
        return 255
    return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255


def linear_exact(x: float, c: float, w: float) -> float:
    """C.11.2.1.3.2."""
    if x <= c - w / 2:
        return 0
    return 255 if x > c + w / 2 else ((x - c) / w + 0.5) * 255


def sigmoid(x: float, c: float, w: float) -> float:
    """C.11.2.1.3.1."""
    return 255 / (1 + exp(min(-4 * (x - c) / w, 700)))


FORMULAS = {"LINEAR": linear, "LINEAR_EXACT": linear_exact, "SIGMOID": sigmoid}


@pytest.mark.parametrize("function", FORMULAS)
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500.5), (0, 1), (0.5, 2), (300, 37)])
def test_window_follows_the_standard(function: str, center: float, width: float) -> None:
    grey = Window(center, width, function).to_grey(VALUES)
    for value, found in zip(VALUES.tolist(), grey.tolist(), strict=True):
        wanted = FORMULAS[function](value, center, width)
        # the standard gives a real number; its rounding is ours, to the nearest, and a hair's breadth may tip it
        assert found in (floor(wanted + 0.5 - 1e-9), floor(wanted + 0.5 + 1e-9))


def test_narrow_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert Window(0, 0.1, "SIGMOID").to_grey(np.array([-1000, 0, 1000])).tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("width", "function", "possible"),
    [(1, "LINEAR", True), (0.5, "LINEAR", False), (0.5, "LINEAR_EXACT", True), (0, "SIGMOID", False)],
)
def test_possible_widths(width: float, function: str, possible: bool) -> None:
    assert Window(0, width, function).is_possible is possible


@given(first=st.integers(-1000, 1000), value=st.integers(-70_000, 70_000))
def test_lut_holds_its_ends(first: int, value: int) -> None:
    table = Lut(first, np.array([7, 5, 3, 9]), 8)
    assert table.apply(np.array([value])).tolist() == [[7, 5, 3, 9][min(max(value - first, 0), 3)]]


def test_lut_scales_its_nominal_bits() -> None:
    assert Lut(0, np.array([0, 512, 1023]), 10).to_grey(np.array([0, 1, 2])).tolist() == [0, 128, 255]


def test_rescale() -> None:
    assert Rescale(2.5, -1000).apply(np.array([0, 4], np.uint16)).tolist() == [-1000, -990]


def test_empty_range_is_black() -> None:
    assert range_to_grey(np.array([5, 5]), 5, 5).tolist() == [0, 0]
