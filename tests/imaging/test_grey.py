"""Samples of any depth and colour -> 8-bit grey."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefrac.imaging.grey import to_grey
from tests.imaging.exact import round_half_up
from tests.imaging.files import noise


def test_8_bit_grey_is_untouched() -> None:
    pixels = noise(5, 7)
    np.testing.assert_array_equal(to_grey(pixels), pixels)


def test_equal_channels_keep_their_value() -> None:
    value = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_grey(np.stack([value] * 3, axis=-1)[None])[0], value)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_goes_over_black(dtype: type) -> None:
    full = np.iinfo(dtype).max
    clear, solid = to_grey(np.array([[[full, 0], [full, full]]], dtype))[0]
    assert (clear, solid) == (0, 255)


@given(grey=st.integers(0, 255), alpha=st.integers(0, 255))
def test_alpha_rounds_half_up(grey: int, alpha: int) -> None:
    expected = round_half_up(Fraction(grey * alpha, 255))
    assert to_grey(np.array([[[grey, alpha]]], np.uint8))[0, 0] == expected


@given(values=st.lists(st.integers(0, 65_535), min_size=1, max_size=20))
def test_16_bit_uses_the_significant_bits(values: list[int]) -> None:
    full = next(2**bits - 1 for bits in range(8, 17) if max(values) < 2**bits)
    expected = [round_half_up(Fraction(value * 255, full)) for value in values]
    assert to_grey(np.array([values], np.uint16)).tolist() == [expected]


def test_16_bit_colour_keeps_its_low_bits_until_the_end() -> None:
    # 12 significant bits: each channel's high byte alone would leave 16 grey levels
    ramp = np.arange(4096, dtype=np.uint16)
    grey = to_grey(np.stack([ramp] * 3, axis=-1)[None])
    assert len(np.unique(grey)) == 256
