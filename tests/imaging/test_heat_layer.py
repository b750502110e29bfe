"""The heat by itself: laid over a picture it is the painted one."""

from __future__ import annotations

import numpy as np
from PIL import Image

from edgefrac.imaging.heat import layer, painted
from edgefrac.imaging.preprocess import Placement
from tests.imaging.files import noise

PLACEMENT = Placement(230, 170, 320)


def strong() -> np.ndarray:
    return np.random.default_rng(3).normal(0, 60, (20, 20)).astype(np.float32)


def test_laid_over_a_picture_it_is_the_painted_one() -> None:
    grey, facts = noise(230, 170).astype(np.uint8), {"bias": -3.0, "temperature": 1.3}
    heat = Image.fromarray(layer(strong(), PLACEMENT, grey.shape, **facts))
    laid_over = np.asarray(Image.alpha_composite(Image.fromarray(grey).convert("RGBA"), heat).convert("RGB"))
    expected = painted(grey, strong(), PLACEMENT, **facts)
    assert np.abs(laid_over.astype(int) - expected).max() <= 1
    assert np.ptp(expected.astype(int), axis=2).max() > 60


def test_where_nothing_speaks_for_a_fracture_there_is_nothing() -> None:
    assert not layer(np.full((20, 20), -1, np.float32), PLACEMENT, (230, 170), bias=0.0, temperature=1.0).any()
