"""Copies of a radiograph as they occur: cropped, mirrored, turned, rotated, re-encoded, scaled, re-windowed."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Raster = NDArray[np.uint8]


def cropped(pixels: Raster, rng: np.random.Generator, share: float = 0.05) -> Raster:
    """Up to ``share`` of the width and of the height cut off, dealt to both sides."""
    height, width = pixels.shape
    top, bottom = rng.dirichlet((1, 1)) * share * height
    left, right = rng.dirichlet((1, 1)) * share * width
    return pixels[int(top) : height - int(bottom), int(left) : width - int(right)]


def mirrored(pixels: Raster, rng: np.random.Generator) -> Raster:
    """Left-right or upside down."""
    return np.flip(pixels, axis=int(rng.integers(2)))


def turned(pixels: Raster, rng: np.random.Generator) -> Raster:
    """By 90, 180 or 270 degrees."""
    return np.rot90(pixels, int(rng.integers(1, 4)))


def rotated(pixels: Raster, rng: np.random.Generator, degrees: float = 10) -> Raster:
    """By up to ``degrees``, corners black; the canvas is kept or grows."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    grown = bool(rng.integers(2))
    return np.asarray(image.rotate(rng.uniform(-degrees, degrees), Image.Resampling.BICUBIC, expand=grown))


def encoded(pixels: Raster, rng: np.random.Generator) -> Raster:
    """As a JPEG of quality 20 to 90."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "JPEG", quality=int(rng.integers(20, 91)))
    return np.asarray(Image.open(stream))


def scaled(pixels: Raster, rng: np.random.Generator) -> Raster:
    """To 40 to 150 % of each side."""
    factor = rng.uniform(0.4, 1.5)
    size = max(16, round(pixels.shape[1] * factor)), max(16, round(pixels.shape[0] * factor))
    return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BICUBIC))


def rewindowed(pixels: Raster, rng: np.random.Generator) -> Raster:
    """Gamma 0.5 to 2, then a window that clips up to 5 % of the greys at each end."""
    grey = 255 * (pixels / 255) ** np.exp(rng.uniform(-0.69, 0.69))
    low, high = rng.uniform(0, 13), rng.uniform(242, 255)
    return np.rint(np.clip((grey - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def everything(pixels: Raster, rng: np.random.Generator) -> Raster:
    """All at once."""
    for change in (cropped, mirrored, rotated, rewindowed, scaled, encoded):
        pixels = change(pixels, rng)
    return pixels


CHANGES: dict[str, Callable[[Raster, np.random.Generator], Raster]] = {
    change.__name__: change for change in (cropped, mirrored, turned, rotated, encoded, scaled, rewindowed, everything)
}
