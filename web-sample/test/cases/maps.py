"""Evidence maps on radiographs of many shapes: peak, regions, finding and picture, as Python makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pack import Pack

from edgefrac.contract import Familiar
from edgefrac.imaging.evidence import evidence_peak, to_raster
from edgefrac.imaging.familiarity import distance, foreign
from edgefrac.imaging.heat import painted
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.regions import density, evidence_regions

COUNT = 240


def write(folder: Path) -> int:
    """Smooth maps with some peaks, coarse and fine, positive and negative, on rasters up to 900 px."""
    rng = np.random.default_rng(9)
    pack = Pack()
    for number in range(COUNT):
        size = int(rng.choice([96, 256, 320]))
        cells = int(rng.choice([3, 8, 20, 40]))
        height, width = (int(side) for side in rng.integers(16, 900 if number % 8 == 0 else 300, 2))
        grey = _smooth(rng, height, width)
        evidence = _map(rng, cells)
        bias, temperature = float(rng.normal(-1, 1)), float(rng.uniform(0.5, 2))
        placement = Placement(height, width, size)
        picture = painted(grey, evidence, placement, bias=bias, temperature=temperature)
        found = evidence_regions(evidence, placement, bias, temperature)
        network_input = preprocess(grey, size)
        familiar = _familiar(rng)
        pack.add(
            size=size,
            height=height,
            width=width,
            cells=cells,
            bias=bias,
            temperature=temperature,
            grey=grey,
            evidence=evidence,
            shares=to_raster(density(evidence, bias, temperature), placement) if number % 6 == 0 else None,
            picture=np.ascontiguousarray(picture),
            peak=evidence_peak(evidence, placement),
            regions=[{"box": r.box, "log_odds": r.log_odds, "share": r.share} for r in found],
            familiar=familiar.model_dump(mode="json"),
            distance=distance(network_input, familiar),
            foreign=foreign(Radiograph(grey, "PNG"), network_input, familiar),
        )
    return pack.write(folder, "maps")


def _smooth(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Something like a radiograph: a bright band on dark, with noise, and often a black border."""
    y, x = np.mgrid[:height, :width]
    band = 200 * np.exp(-(((x - width * rng.uniform(0.3, 0.7)) / (0.2 * width + 1)) ** 2))
    grey = np.clip(band + 20 * np.sin(y / 9) + rng.normal(0, 8, (height, width)), 0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        grey[: height // 9] = 0
        grey[:, -(width // 7) - 1 :] = 0
    return grey


def _map(rng: np.random.Generator, cells: int) -> NDArray[np.float32]:
    values = rng.normal(-2, 2, (cells, cells))
    for _ in range(int(rng.integers(0, 4))):
        row, column = rng.integers(0, cells, 2)
        values[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2] += rng.uniform(5, 90)
    if rng.random() < 0.3:
        values = np.round(values * 2) / 2  # as an int8 file gives them
    return values.astype(np.float32)


def _familiar(rng: np.random.Generator) -> Familiar:
    root = rng.normal(0, 1, (17, 17))
    return Familiar(
        mean=tuple(rng.uniform(0, 1, 17).tolist()),
        precision=tuple(tuple(row) for row in (root @ root.T).tolist()),
        limit=float(rng.uniform(3, 30)),
    )
