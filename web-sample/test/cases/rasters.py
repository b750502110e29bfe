"""Rasters of odd sizes with their network inputs, as Python makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pack import Pack

from edgefrac.imaging.preprocess import preprocess

SIZES = (31, 96, 224, 256, 320)
COUNT = 1_100


def write(folder: Path) -> int:
    """Noise, ramps and extremes; narrow, tiny, exactly as large as the input, and larger than it."""
    rng = np.random.default_rng(8)
    pack = Pack()
    for number in range(COUNT):
        size = int(SIZES[number % len(SIZES)])
        longest = 900 if number % 40 == 0 else 260
        height, width = (int(side) for side in rng.integers(1, longest, 2))
        if number % 10 == 1:
            height = size
        if number % 10 == 2:
            width = int(rng.integers(1, 5))
        raster = rng.integers(0, 256, (height, width), np.uint8)
        if number % 4 == 1:
            raster = (np.add.outer(np.arange(height), 3 * np.arange(width)) % 256).astype(np.uint8)
        if number % 4 == 2:
            raster = np.where(raster > 127, 255, 0).astype(np.uint8)
        pack.add(height=height, width=width, size=size, raster=raster, input=preprocess(raster, size))
    return pack.write(folder, "rasters")
