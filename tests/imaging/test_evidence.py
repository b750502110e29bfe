"""The evidence map on the radiograph: where its peak is, and how it spreads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefrac.imaging.evidence import evidence_peak, to_raster
from edgefrac.imaging.preprocess import Placement

TALL = Placement(400, 200, 320)  # lies in columns 80 to 240 of the input, at 0.8 of its size


def one_hot(row: int, column: int, cells: int = 10) -> np.ndarray:
    evidence = np.zeros((cells, cells), np.float32)
    evidence[row, column] = 5
    return evidence


def test_peak_is_the_centre_of_its_cell() -> None:
    # cell (2, 4) of 10×10 has its centre at input (144, 80), 64 columns right of the radiograph's edge
    assert evidence_peak(one_hot(2, 4), TALL) == pytest.approx((80, 100))


def test_peak_is_never_in_the_padding() -> None:
    evidence = one_hot(2, 4)
    evidence[7, 1] = 99  # centre at column 48: padding
    assert evidence_peak(evidence, TALL) == pytest.approx((80, 100))


def test_negative_maps_have_a_peak_too() -> None:
    assert evidence_peak(one_hot(9, 5) - 100, TALL) == pytest.approx((120, 380))


def test_first_of_equals_wins() -> None:
    # the third cell's centre lies on the very edge of the radiograph, which still counts
    assert evidence_peak(np.zeros((10, 10), np.float32), TALL) == pytest.approx((0, 20))


def test_cells_that_straddle_the_edge_count_if_their_centre_is_inside() -> None:
    # 3 cells of 106.7 columns: centres at 53.3, 160, 266.7; the radiograph covers 80 to 240
    evidence = one_hot(1, 0, 3)
    evidence[1, 1] = 1
    assert evidence_peak(evidence, TALL) == pytest.approx((100, 200))


def test_radiograph_narrower_than_a_cell() -> None:
    # one column at 159 to 160 of the input; the nearest centres are those of the fifth cells, at 144
    evidence = one_hot(9, 4)
    evidence[3, 5] = 99
    assert evidence_peak(evidence, Placement(6400, 16, 320)) == pytest.approx((0, 6080))


@given(
    height=st.integers(16, 2000),
    width=st.integers(16, 2000),
    cells=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    seed=st.integers(0, 99),
)
def test_peak_lies_on_the_radiograph_and_on_a_true_maximum(
    height: int, width: int, cells: tuple[int, int], seed: int
) -> None:
    placement = Placement(height, width, 256)
    evidence = np.random.default_rng(seed).normal(size=cells).astype(np.float32)
    x, y = evidence_peak(evidence, placement)
    assert 0 <= x <= width
    assert 0 <= y <= height
    input_x, input_y = placement.to_input(x, y)
    row = min(int(input_y * cells[0] / 256), cells[0] - 1)
    column = min(int(input_x * cells[1] / 256), cells[1] - 1)
    (rows, columns), (top, left) = placement.resized, placement.offset
    centre_y = (np.arange(cells[0]) + 0.5) * 256 / cells[0]
    centre_x = (np.arange(cells[1]) + 0.5) * 256 / cells[1]
    inside = np.outer((centre_y >= top) & (centre_y <= top + rows), (centre_x >= left) & (centre_x <= left + columns))
    if inside.any():
        assert evidence[row, column] == evidence[inside].max()


def test_to_raster_has_the_shape_and_dtype_of_the_source() -> None:
    spread = to_raster(one_hot(2, 4), TALL)
    assert (spread.shape, spread.dtype) == ((400, 200), np.float32)
    assert np.unravel_index(spread.argmax(), spread.shape) in {(r, c) for r in (99, 100) for c in (79, 80)}
    assert spread.max() == pytest.approx(5, rel=0.05)


def test_to_raster_is_linear_between_cell_centres() -> None:
    # evidence that rises by 1 a cell is, in pixels of the source, 1 in 40, and constant beyond the outermost centres
    ramp = np.broadcast_to(np.arange(10, dtype=np.float32)[:, None], (10, 10))
    column = to_raster(ramp, TALL)[:, 50]
    expected = np.clip((np.arange(400) + 0.5) / 40 - 0.5, 0, 9)
    np.testing.assert_allclose(column, expected, atol=1e-5)


def test_to_raster_leaves_the_padding_out() -> None:
    evidence = np.zeros((10, 10), np.float32)
    evidence[:, :2] = evidence[:, 8:] = 9  # two cells a side, 64 columns of 80
    assert to_raster(evidence, TALL)[:, 30:170].max() == 0


def test_to_raster_at_another_resolution() -> None:
    whole, small = to_raster(one_hot(2, 4), TALL), to_raster(one_hot(2, 4), TALL, (40, 20))
    assert small.shape == (40, 20)
    np.testing.assert_allclose(small, whole.reshape(40, 10, 20, 10).mean((1, 3)), atol=0.1)
