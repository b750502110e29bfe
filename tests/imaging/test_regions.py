"""Regions of an evidence map: where they are on the radiograph, and that their parts add up."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.imaging.preprocess import Placement
from edgefrac.imaging.regions import LEAST, OUTLINE, density, evidence_regions

SQUARE = Placement(640, 640, 320)


def spots(*places: tuple[int, int, float]) -> np.ndarray:
    evidence = np.full((20, 20), -1.0, np.float32)
    for row, column, strength in places:
        evidence[row : row + 2, column : column + 2] = strength
    return evidence


def test_each_spot_is_a_region_the_strongest_first_in_source_pixels() -> None:
    found = evidence_regions(spots((4, 4, 60), (12, 14, 90)), SQUARE, 0.0, 1.0)
    assert len(found) == 2
    x, y, width, height = found[0].box  # cells of 32 source pixels, and what interpolation reaches beyond
    assert 14 * 32 - 32 < x <= 14 * 32 and 16 * 32 <= x + width < 17 * 32
    assert 12 * 32 - 32 < y <= 12 * 32 and 14 * 32 <= y + height < 15 * 32
    assert found[0].log_odds > found[1].log_odds and found[0].share > found[1].share


def test_all_there_is_adds_up_to_the_log_odds() -> None:
    """A map that speaks for a fracture everywhere is one region: all of the log-odds, and its share is all."""
    evidence = np.random.default_rng(0).uniform(40, 60, (20, 20)).astype(np.float32)
    (region,) = evidence_regions(evidence, SQUARE, -2.0, 1.5)
    assert region.box == (0, 0, 640, 640)
    assert region.log_odds == pytest.approx((evidence.mean() - 2) / 1.5, rel=0.01)
    assert region.share == pytest.approx(1)


def test_what_lies_in_the_padding_is_no_region() -> None:
    narrow = Placement(640, 320, 320)  # columns 80 to 240 of the input
    assert evidence_regions(spots((8, 1, 90)), narrow, 0.0, 1.0) == []
    (region,) = evidence_regions(spots((8, 9, 90)), narrow, 0.0, 1.0)
    assert region.box[0] > 0 and region.box[0] + region.box[2] < 320


@pytest.mark.parametrize(("strength", "count"), [(100 * OUTLINE * 1.05, 1), (100 * OUTLINE * 0.95, 0)])
def test_a_region_begins_at_the_outline_whatever_else_is_there(strength: float, count: int) -> None:
    evidence = np.zeros((20, 20), np.float32)
    evidence[8:12, 8:12] = strength
    assert len(evidence_regions(evidence, SQUARE, 0.0, 1.0)) == count
    assert density(evidence, 0.0, 1.0).max() == pytest.approx(strength / 100)


def test_temperature_and_bias_count() -> None:
    evidence = spots((8, 8, 36))
    assert evidence_regions(evidence, SQUARE, 0.0, 1.0) and not evidence_regions(evidence, SQUARE, 0.0, 2.0)
    assert not evidence_regions(evidence, SQUARE, -17.0, 1.0)


@pytest.mark.parametrize(("strength", "count"), [(300, 0), (600, 1)])
def test_a_speck_that_adds_little_is_no_region_however_dense(strength: float, count: int) -> None:
    evidence = np.zeros((40, 40), np.float32)
    evidence[20, 20] = strength  # adds strength / 1600
    assert density(evidence, 0.0, 1.0).max() > 10 * OUTLINE
    found = evidence_regions(evidence, SQUARE, 0.0, 1.0)
    assert len(found) == count and all(LEAST <= region.log_odds <= strength / 1600 for region in found)
