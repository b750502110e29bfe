"""Samples of any depth and colour -> 8-bit grey: the part of ``edgefrac.preprocess/1`` before the resize.

Integers only, so that every language gives the same bytes. With M the largest sample (255, or 65,535 at 16 bit):

1. colour to grey: (77·R + 150·G + 29·B + 128) // 256, at the depth of the file;
2. alpha, over black: (2·grey·alpha + M) // (2·M);
3. 16 to 8 bit: with b the number of significant bits of the image's largest value, held between 8 and 16, and
   F = 2^b - 1: (2·255·v + F) // (2·F). So 10- and 12-bit detectors in 16-bit files use the whole grey scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]


def to_grey(samples: Samples, bits: int | None = None) -> NDArray[np.uint8]:
    """uint8 or uint16 [H, W], or [H, W, C] with C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA -> uint8 [H, W].

    ``bits``, 8 to 16, takes the place of rule 3's b where a file says how deep its 16-bit samples are, as DICOM does.
    """
    if samples.ndim == 2:
        return _to_8_bit(samples, bits)
    channels = samples.shape[2]
    grey: Samples = _luma(samples) if channels >= 3 else samples[:, :, 0]
    if channels in (2, 4):
        grey = _over_black(grey, samples[:, :, -1])
    return _to_8_bit(grey, bits)


def significant(grey: Samples) -> int:
    """Rule 3's b: significant bits of the largest value, held between 8 and 16."""
    return min(max(int(grey.max()).bit_length(), 8), 16)


def chroma(samples: Samples) -> float:
    """How coloured samples [H, W, C] are: the mean difference of the largest and the least of R, G and B, 0 to 1."""
    if samples.ndim == 2 or samples.shape[2] < 3:
        return 0.0
    red, green, blue = (np.ascontiguousarray(samples[:, :, channel]) for channel in range(3))
    largest = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    return float((largest - least).mean() / np.iinfo(samples.dtype).max)


def _luma(samples: Samples) -> Samples:
    # the weights add up to 256, so twice the depth holds the sum
    wide = np.dtype(np.uint16 if samples.dtype.itemsize == 1 else np.uint32)
    red, green, blue = (samples[:, :, channel].astype(wide) for channel in range(3))
    return _at_depth_of(samples, (77 * red + 150 * green + 29 * blue + 128) >> 8)


def _over_black(grey: Samples, alpha: Samples) -> Samples:
    full = int(np.iinfo(grey.dtype).max)
    return _at_depth_of(grey, (2 * grey.astype(np.uint64) * alpha + full) // (2 * full))


def _at_depth_of(samples: Samples, values: NDArray[np.integer]) -> Samples:
    return values.astype(np.uint8) if samples.dtype.itemsize == 1 else values.astype(np.uint16)


def _to_8_bit(grey: Samples, bits: int | None) -> NDArray[np.uint8]:
    if grey.dtype.itemsize == 1:
        return np.ascontiguousarray(grey, dtype=np.uint8)
    full = (1 << (bits or significant(grey))) - 1
    return ((2 * 255 * grey.astype(np.uint32) + full) // (2 * full)).astype(np.uint8)
