"""Where an evidence map speaks for a fracture: regions as boxes on the radiograph, each with its part of the evidence.

Everything is measured in calibrated log-odds, (evidence + bias) / temperature, spread over the network input's area:
the parts of all places, the padding's included, add up to the log-odds of the probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.evidence import to_raster
from edgefrac.imaging.preprocess import Placement

OUTLINE = 0.2
"""Log-odds per 1 % of the input's area from which a place belongs to a region; the overlay's first contour line."""
LEAST = 0.2
"""Log-odds that a region adds in all; less is no finding, however dense.

Of 886 radiographs that the reference never saw, 72 % of the fractured ones that it called so had such a region, 14 % of
the others that it called fractured, and none of those that it called whole.
"""
_LONGER_SIDE = 512  # samples along which regions are outlined


@dataclass(frozen=True)
class Region:
    """``box`` (x, y, width, height) in pixels of the source raster.

    ``log_odds`` is what the region adds to the log-odds of a fracture, ``share`` its part of all that speaks for one.
    """

    box: tuple[float, float, float, float]
    log_odds: float
    share: float


def density(evidence: NDArray[np.float32], bias: float, temperature: float) -> NDArray[np.float32]:
    """Calibrated log-odds per 1 % of the network input's area, of each cell of ``evidence``."""
    return ((evidence + bias) / (100 * temperature)).astype(np.float32)


def evidence_regions(
    evidence: NDArray[np.float32], placement: Placement, bias: float, temperature: float
) -> list[Region]:
    """Connected places of ``OUTLINE`` or more that add ``LEAST`` or more, of ``evidence`` [h, w], strongest first."""
    from scipy import ndimage

    scale = min(1.0, _LONGER_SIDE / max(placement.height, placement.width))
    shape = max(1, round(placement.height * scale)), max(1, round(placement.width * scale))
    added = to_raster(density(evidence, bias, temperature), placement, shape)
    rows, columns = placement.resized
    added *= 100 * rows * columns / placement.size**2 / added.size  # from a density to what each sample adds
    outline = OUTLINE * 100 * rows * columns / placement.size**2 / added.size
    if (box := box_around(added >= outline)) is None:
        return []
    speaking = float(np.maximum(added, 0).sum())
    added, (above, before) = added[box], (box[0].start, box[1].start)
    numbered, _ = ndimage.label(added >= outline, structure=np.ones((3, 3)))
    regions = []
    for number, (down, across) in enumerate(ndimage.find_objects(numbered), start=1):
        inside = float(added[down, across][numbered[down, across] == number].sum())
        if inside < LEAST:
            continue
        x, right = ((before + edge) * placement.width / shape[1] for edge in (across.start, across.stop))
        y, bottom = ((above + edge) * placement.height / shape[0] for edge in (down.start, down.stop))
        regions.append(Region((x, y, right - x, bottom - y), inside, inside / speaking))
    return sorted(regions, key=lambda region: -region.log_odds)


def box_around(mask: NDArray[np.bool_], margin: int = 0) -> tuple[slice, slice] | None:
    """Rows and columns around where ``mask`` [H, W] holds, ``margin`` wider where there is room; None if nowhere."""
    if not mask.any():
        return None
    found = []
    for axis, length in ((1, mask.shape[0]), (0, mask.shape[1])):
        along = np.flatnonzero(mask.any(axis=axis))
        found.append(slice(max(0, int(along[0]) - margin), min(length, int(along[-1]) + margin + 1)))
    return found[0], found[1]
