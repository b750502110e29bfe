"""preprocess/1 against its definition in exact fractions, and against the golden pairs that other languages use."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from edgefrac.imaging.grey import to_grey
from edgefrac.imaging.preprocess import Placement, preprocess
from tests.data.preprocess import make
from tests.imaging import exact
from tests.imaging.files import noise

GOLDEN = Path(make.__file__).parent
INDEX: dict[str, Any] = json.loads((GOLDEN / "index.json").read_text(encoding="utf-8"))

rasters = st.tuples(st.integers(1, 26), st.integers(1, 26)).flatmap(lambda shape: arrays(np.uint8, shape))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(pixels=rasters, size=st.integers(1, 20))
def test_equals_the_exact_definition(pixels: np.ndarray, size: int) -> None:
    np.testing.assert_array_equal(preprocess(pixels, size), exact.preprocess(pixels, size))


@pytest.mark.parametrize("case", INDEX["cases"], ids=lambda case: case["name"])
def test_reproduces_the_golden_pair(case: dict[str, Any]) -> None:
    source, expected = (_read(case[side]) for side in ("input", "output"))
    np.testing.assert_array_equal(preprocess(source, case["size"]), expected)


def _read(entry: dict[str, Any]) -> np.ndarray:
    pixels = np.asarray(Image.open(GOLDEN / entry["file"]))
    assert pixels.shape == (entry["height"], entry["width"])
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == entry["sha256"]
    return pixels


def test_golden_pairs_come_out_of_their_script_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "FOLDER", tmp_path)
    make.main()
    kept = {path.name: path.read_bytes() for path in GOLDEN.iterdir() if path.suffix in (".png", ".json")}
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept
    assert sum(map(len, kept.values())) < 400_000


def test_golden_luma() -> None:
    rgb = np.array([[row[:3] for row in INDEX["luma"]]], np.uint8)
    assert to_grey(rgb).tolist() == [[row[3] for row in INDEX["luma"]]]


@pytest.mark.parametrize("case", INDEX["sixteen_to_eight_bit"], ids=lambda case: str(case["largest"]))
def test_golden_sixteen_to_eight_bit(case: dict[str, Any]) -> None:
    assert to_grey(np.array([case["values"]], np.uint16)).tolist() == [case["grey"]]


def test_large_sums_do_not_overflow() -> None:
    assert preprocess(np.full((20_000, 300), 255, np.uint8), 64)[:, 31:32].min() == 255


def test_a_large_detector_image_takes_a_moment() -> None:
    pixels = noise(2880, 2880)
    seconds = []
    for _ in range(5):
        started = time.thread_time()  # of this thread alone: other programs may be busy
        preprocess(pixels, 320)
        seconds.append(time.thread_time() - started)
    assert min(seconds) < 0.1  # 20 ms on an idle core, where a prefix sum over the raster takes 150


@pytest.mark.parametrize(
    ("height", "width", "resized", "offset"),
    [(454, 373, (320, 263), (0, 28)), (373, 454, (263, 320), (28, 0)), (20_000, 16, (320, 1), (0, 159))],
)
def test_placement(height: int, width: int, resized: tuple[int, int], offset: tuple[int, int]) -> None:
    placement = Placement(height, width, 320)
    assert (placement.resized, placement.offset) == (resized, offset)
    assert np.count_nonzero(preprocess(np.full((height, width), 9, np.uint8), 320)) == resized[0] * resized[1]


@given(
    height=st.integers(16, 3000),
    width=st.integers(16, 3000),
    size=st.integers(64, 512),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_coordinates_go_there_and_back(height: int, width: int, size: int, share: tuple[float, float]) -> None:
    placement = Placement(height, width, size)
    x, y = share[0] * width, share[1] * height
    there = placement.to_input(x, y)
    assert all(0 <= coordinate <= size for coordinate in there)
    assert placement.to_source(*there) == pytest.approx((x, y), abs=1e-6)


def test_coordinates_in_the_padding_are_held_to_the_raster() -> None:
    assert Placement(100, 50, 64).to_source(0, 70) == (0, 100)
