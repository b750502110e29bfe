"""The small picture of a radiograph by which copies are found, and its contrast, which exposure does not change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 96
_FLAT = 1.0  # grey levels of local contrast below which an image is empty and matches nothing

Array = NDArray[np.float32]


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
    """uint8 [H, W] -> float16 [96, 96] of area means in grey levels (squeezed to a square)."""
    small = Image.fromarray(pixels).convert("F").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small).astype(np.float16)


def halved(images: Array) -> Array:
    """[n, 2h, 2w] -> [n, h, w], each pixel the mean of four."""
    n, height, width = images.shape
    means = images.reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4), dtype=np.float32)
    return np.asarray(means, dtype=np.float32)


def compressed_contrast(images: Array) -> Array:
    """Signed square root of the difference from the 5×5 mean around each pixel, of float32 [n, h, w]."""
    from scipy.ndimage import uniform_filter

    difference = images - uniform_filter(images, size=(0, 5, 5), mode="nearest")
    return np.asarray(np.sign(difference) * np.sqrt(np.abs(difference)), dtype=np.float32)


def signatures(contrast: Array) -> Array:
    """float32 [n, h, w] -> [n, h·w] of unit length; zeros where there is next to no contrast."""
    flat = contrast.reshape(len(contrast), -1)
    length = np.sqrt((flat**2).sum(axis=1, keepdims=True))
    enough = length > np.sqrt(_FLAT * flat.shape[1])
    return np.where(enough, flat / np.where(enough, length, 1), 0).astype(np.float32)
