"""Ranges: 95 % of the radiographs inside the network, all of them and a margin for the evidence map."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.quantization.ranges import RangeObserver


def observed(*peaks: float, whole: bool = False, low: float = -1.0) -> tuple[float, float]:
    observer = RangeObserver(whole=frozenset({"t"} if whole else ()))
    for peak in peaks:
        observer.observe("t", np.array([[low, 0.5, peak]], np.float32))
    return observer.ranges()["t"]


def test_one_odd_radiograph_in_a_hundred_does_not_stretch_the_range() -> None:
    low, high = observed(*[4.0] * 99, 1000.0)
    assert (low, high) == (-1.0, 4.0)


def test_one_in_ten_does() -> None:
    assert observed(*[4.0] * 9, 1000.0)[1] > 400


def test_ninety_five_percent_of_the_radiographs_are_covered() -> None:
    assert observed(*range(1, 101))[1] == pytest.approx(np.quantile(np.arange(1, 101), 0.95))
    observer = RangeObserver()
    for low in range(1, 101):
        observer.observe("t", np.array([-low], np.float32))
    assert observer.ranges()["t"] == (pytest.approx(-np.quantile(np.arange(1, 101), 0.95)), 0.0)


def test_a_whole_tensor_is_covered_entirely_and_with_a_margin() -> None:
    assert observed(*[4.0] * 99, 1000.0, whole=True) == (-1.25, 1250.0)


@pytest.mark.parametrize("whole", [False, True])
def test_zero_is_always_inside(whole: bool) -> None:
    assert observed(5.0, 6.0, low=2.0, whole=whole)[0] == 0.0
    assert observed(-5.0, -0.5, low=-6.0, whole=whole)[1] >= 0.0
    observer = RangeObserver(whole=frozenset({"t"} if whole else ()))
    observer.observe("t", np.full(3, -2.0, np.float32))
    assert observer.ranges()["t"][1] == 0.0


def test_tensors_are_kept_apart() -> None:
    observer = RangeObserver()
    observer.observe("a", np.array([1.0], np.float32))
    observer.observe("b", np.array([-3.0, 2.0], np.float32))
    assert observer.ranges() == {"a": (0.0, 1.0), "b": (-3.0, 2.0)}
