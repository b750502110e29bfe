"""Kernel-wise rounding keeps each kernel's sum, and never moves a weight by more than a step."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgefrac.quantization.rounding import LARGEST, round_kernels

KERNELS = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 5), st.integers(1, 40)),
    elements=st.floats(-4, 4, width=32).map(lambda x: np.float32(round(x, 4))),
)


def steps_of(kernels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(the weights, the rounded weights, how many of each row may move) in steps of each row's scale."""
    scale = (np.maximum(np.abs(kernels).max(axis=1), 1e-8) / LARGEST).astype(np.float32)
    exact = kernels.astype(np.float64) / scale[:, None]
    rounded = round_kernels(kernels, scale)
    assert rounded.dtype == np.float32 and rounded.shape == kernels.shape
    return exact, rounded.astype(np.float64) / scale[:, None], (np.abs(np.round(exact)) < LARGEST).sum(axis=1)


@given(KERNELS)
@settings(max_examples=60, deadline=None)
def test_weights_lie_on_the_grid_within_a_step(kernels: np.ndarray) -> None:
    exact, rounded, _ = steps_of(kernels)
    np.testing.assert_allclose(rounded, np.round(rounded), atol=1e-4)
    assert np.abs(rounded).max() <= LARGEST + 1e-4
    assert np.abs(rounded - exact).max() <= 1.0 + 1e-4


@given(KERNELS)
@settings(max_examples=60, deadline=None)
def test_the_sum_of_errors_is_within_half_a_step(kernels: np.ndarray) -> None:
    exact, rounded, movable = steps_of(kernels)
    errors = np.abs((np.round(rounded) - exact).sum(axis=1))
    surplus = np.abs(np.round((np.round(exact) - exact).sum(axis=1)))
    assert (errors[movable >= surplus] <= 0.5 + 1e-3).all()


@given(KERNELS)
@settings(max_examples=60, deadline=None)
def test_the_largest_weight_keeps_its_value(kernels: np.ndarray) -> None:
    """It sets the scale, so a quantizer that looks for the scale finds the same one."""
    exact, rounded, _ = steps_of(kernels)
    largest = np.abs(exact) >= LARGEST - 1e-3
    np.testing.assert_allclose(rounded[largest], exact[largest], atol=1e-3)


def test_plain_rounding_would_shift_this_channel() -> None:
    """Eight weights of 0.4 steps: to the nearest they vanish, and with them 3.2 steps of the sum."""
    kernel = np.array([[127.0, *[0.4] * 8]], np.float32)
    rounded = round_kernels(kernel, np.ones(1, np.float32))
    assert rounded.sum() == 130 and sorted(rounded[0, 1:]) == [0] * 5 + [1] * 3


def test_the_weights_nearest_to_the_middle_move() -> None:
    kernel = np.array([[127.0, 0.45, 0.1, 0.45, 0.1]], np.float32)
    assert round_kernels(kernel, np.ones(1, np.float32)).tolist() == [[127, 1, 0, 0, 0]]


def test_rows_have_nothing_to_do_with_each_other() -> None:
    kernels = np.random.default_rng(0).normal(size=(6, 25)).astype(np.float32)
    scale = (np.abs(kernels).max(axis=1) / LARGEST).astype(np.float32)
    together = round_kernels(kernels, scale)
    for row in range(6):
        np.testing.assert_array_equal(together[row], round_kernels(kernels[row : row + 1], scale[row : row + 1])[0])


def test_a_kernel_of_zeros() -> None:
    assert not round_kernels(np.zeros((2, 9), np.float32), np.full(2, 1e-8, np.float32)).any()


def test_weights_that_float16_moved_off_their_grid_go_back_to_it() -> None:
    """1,280 errors of a twentieth of a step add up to many, and yet each weight knows where it belongs."""
    whole = np.arange(1280, dtype=np.float32) % 127 + 1
    stored = (whole * np.float32(0.0123)).astype(np.float16).astype(np.float32)
    scale = np.abs(stored).max(keepdims=True) / np.float32(LARGEST)
    assert abs((stored / scale - whole).sum()) > 1
    np.testing.assert_array_equal(np.round(round_kernels(stored[None], scale)[0] / scale), whole)
