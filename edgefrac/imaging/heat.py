"""The evidence map as colour over grey: a fixed scale, and contour lines that say the same without colour.

Most of a radiograph has no evidence for a fracture and stays as it is, so only the box around the rest is worked on.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.evidence import to_raster
from edgefrac.imaging.preprocess import Placement
from edgefrac.imaging.regions import OUTLINE, box_around, density

FULL_SCALE = 0.5
"""Log-odds per 1 % of the input's area at which colour and opacity are full."""
CONTOURS = (OUTLINE, 0.3)
"""Where contour lines run, in log-odds per 1 % of the input's area: the first dashed, the second solid."""

_OPACITY = 0.5
_DASH = 8
_LINE = 2  # pixels on either side of a contour
_BLACK, _WHITE = (np.array([grey, grey, grey, 0], np.uint8).view(np.uint32)[0] for grey in (0, 255))
# dark violet to pale yellow: luminance rises evenly, and no step rests on telling red from green
_RAMP = np.array([[66, 10, 104], [120, 28, 109], [187, 55, 84], [237, 105, 37], [251, 180, 26], [252, 255, 164]])


def painted(
    grey: NDArray[np.uint8],
    evidence: NDArray[np.float32],
    placement: Placement,
    *,
    bias: float,
    temperature: float,
) -> NDArray[np.uint8]:
    """A picture of the whole radiograph, uint8 [H, W] of any size, under its evidence [h, w]: uint8 [H, W, 3]."""
    shares = to_raster(density(evidence, bias, temperature), placement, (grey.shape[0], grey.shape[1]))
    picture = _blend()[:256].take(grey)
    if (box := box_around(shares > 0, margin=0)) is None:
        return _pixels(picture)
    picture[box] = _coloured(grey[box], shares[box])
    for level, dashed in zip(CONTOURS, (True, False), strict=True):
        _contour(picture, shares >= level, dashed=dashed)
    return _pixels(picture)


def coloured(grey: NDArray[np.uint8], shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour and opacity by ``shares`` [H, W], log-odds per 1 % of the input's area, over ``grey``: uint8 [H, W, 3]."""
    return _pixels(_coloured(grey, shares))


def _coloured(grey: NDArray[np.uint8], shares: NDArray[np.float32]) -> NDArray[np.uint32]:
    strength = np.clip(shares * np.float32(255 / FULL_SCALE) + np.float32(0.5), 0, 255).astype(np.uint16)
    words: NDArray[np.uint32] = _blend().take(strength << 8 | grey)
    return words


def _pixels(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Three of the four bytes of each word [H, W]: a view, uint8 [H, W, 3]."""
    return words.view(np.uint8).reshape(*words.shape, 4)[..., :3]


@cache
def _blend() -> NDArray[np.uint32]:
    """What becomes of each grey under each strength, in 256 steps: [256 · 256], of which each is red, green, blue, 0.

    As words of four bytes, which are looked up fifteen times as fast as three bytes are.
    """
    strength = np.linspace(0, 1, 256)
    stops = np.linspace(0, 1, len(_RAMP))
    colour = np.stack([np.interp(strength, stops, _RAMP[:, channel]) for channel in range(3)], axis=-1)
    opacity = _OPACITY * strength[:, None, None]
    grey = np.arange(256)[None, :, None]
    table = np.zeros((256, 256, 4), np.uint8)
    table[..., :3] = np.rint(grey * (1 - opacity) + colour[:, None] * opacity)
    return table.reshape(-1, 4).view(np.uint32)[:, 0].copy()


def _contour(picture: NDArray[np.uint32], inside: NDArray[np.bool_], *, dashed: bool) -> None:
    """Draw the edge of ``inside`` [H, W] into ``picture``: a white line between two black ones, seen on any grey."""
    if (box := box_around(inside, margin=_LINE)) is None:
        return
    inside, part = inside[box], picture[box]
    rows, columns = np.ogrid[box]
    drawn = (rows // _DASH + columns // _DASH) % 2 == 0 if dashed else np.True_
    for pixels, colour in ((_LINE, _BLACK), (_LINE - 1, _WHITE)):
        part[_grown(inside, pixels) & _grown(~inside, pixels) & drawn] = colour


def _grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """Whether anything holds within a square of ``pixels`` to each side."""
    for transpose in (False, True):
        source = mask.T if transpose else mask
        wider = source.copy()
        for step in range(1, pixels + 1):
            wider[step:] |= source[:-step]
            wider[:-step] |= source[step:]
        mask = wider.T if transpose else wider
    return mask
