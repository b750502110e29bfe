"""``edgefrac.overlay/1``: the evidence map as colour over grey, by a fixed scale, with contours that need no colour.

For a picture of H×W pixels, uint8 grey, that shows the whole radiograph (float32 where not said otherwise, every
operation rounded by itself):

1. of each cell, v = (evidence + bias) / (100 · temperature), log-odds per 1 % of the network input's area;
2. v at each pixel, linear between cell centres, first along x, then along y: output j of n lies at
   i = (start + (j + 0.5) · extent / n) · cells / S - 0.5 in float64, held between 0 and cells - 1, where the radiograph
   covers [start, start + extent) of the S×S input; with k = floor(i), v = (i - k) · (v[k+1] - v[k]) + v[k];
3. strength s = v · 510 + 0.5, held between 0 and 255, without its fraction: full at 0.5 log-odds per 1 %;
4. colour c of s from six colours, 51 steps apart: (a · (51 - r) + b · r + 25) // 51 with r = s mod 51;
5. pixel = (grey · (510 - s) + c · s + 255) // 510, so that half of the grey is left where s is 255;
6. contours where v reaches 0.2 (dashed), then 0.3 (solid): pixels that have both sides of the edge within a square of
   two to each side are black, within one white; dashes are where (row // 8 + column // 8) is even.

Python, Kotlin and TypeScript agree bit for bit. Most of a radiograph has no evidence for a fracture and stays as it is:
only the box around the rest is worked on.
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

_FULL = 255
_DASH = 8
_LINE = 2  # pixels on either side of a contour
_BLACK, _WHITE = (np.array([grey, grey, grey, 255], np.uint8).view(np.uint32)[0] for grey in (0, 255))
# dark violet to pale yellow: luminance rises evenly, and no step rests on telling red from green
RAMP = ((66, 10, 104), (120, 28, 109), (187, 55, 84), (237, 105, 37), (251, 180, 26), (252, 255, 164))


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
    _contours(picture, shares)
    return _pixels(picture)


def layer(
    evidence: NDArray[np.float32],
    placement: Placement,
    shape: tuple[int, int],
    *,
    bias: float,
    temperature: float,
) -> NDArray[np.uint8]:
    """What ``painted`` puts over a picture of ``shape``, for viewers that lay it over themselves: uint8 [H, W, 4].

    Red, green, blue and how opaque: 127.5 at full strength, in whole steps. Laid over the grey it is within one step of
    ``painted``, and the same in the contours.
    """
    shares = to_raster(density(evidence, bias, temperature), placement, shape)
    strengths = np.empty((_FULL + 1, 4), np.uint8)
    strengths[:, :3] = ramp()
    strengths[:, 3] = (np.arange(_FULL + 1) + 1) // 2
    strengths[0] = 0
    picture = strengths.view(np.uint32)[:, 0].take(_strength(shares))
    _contours(picture, shares)
    return picture.view(np.uint8).reshape(*shape, 4)


def coloured(grey: NDArray[np.uint8], shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colour and opacity by ``shares`` [H, W], log-odds per 1 % of the input's area, over ``grey``: uint8 [H, W, 3]."""
    return _pixels(_coloured(grey, shares))


def _coloured(grey: NDArray[np.uint8], shares: NDArray[np.float32]) -> NDArray[np.uint32]:
    words: NDArray[np.uint32] = _blend().take(_strength(shares) << 8 | grey)
    return words


def _strength(shares: NDArray[np.float32]) -> NDArray[np.uint16]:
    strength: NDArray[np.float32] = np.clip(shares * np.float32(_FULL / FULL_SCALE) + np.float32(0.5), 0, _FULL)
    return strength.astype(np.uint16)


def _pixels(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Three of the four bytes of each word [H, W]: a view, uint8 [H, W, 3]."""
    return words.view(np.uint8).reshape(*words.shape, 4)[..., :3]


@cache
def _blend() -> NDArray[np.uint32]:
    """What becomes of each grey under each strength, in 256 steps: [256 · 256], of which each is red, green, blue, 0.

    As words of four bytes, which are looked up fifteen times as fast as three bytes are.
    """
    strength, grey = np.arange(_FULL + 1)[:, None, None], np.arange(256)[None, :, None]
    table = np.zeros((256, 256, 4), np.uint8)
    table[..., :3] = (grey * (2 * _FULL - strength) + ramp()[:, None] * strength + _FULL) // (2 * _FULL)
    return table.reshape(-1, 4).view(np.uint32)[:, 0].copy()


def ramp() -> NDArray[np.int64]:
    """The colour of each strength, red, green and blue: [256, 3]."""
    stops, steps = np.array(RAMP), _FULL // (len(RAMP) - 1)
    part, rest = np.divmod(np.arange(_FULL + 1), steps)
    before, after = stops[part], stops[np.minimum(part + 1, len(RAMP) - 1)]
    colours: NDArray[np.int64] = (before * (steps - rest[:, None]) + after * rest[:, None] + steps // 2) // steps
    return colours


def _contours(picture: NDArray[np.uint32], shares: NDArray[np.float32]) -> None:
    for level, dashed in zip(CONTOURS, (True, False), strict=True):
        _contour(picture, shares >= level, dashed=dashed)


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
