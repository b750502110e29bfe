"""Changes of a network input that leave the diagnosis as it is, by which a map's steadiness is judged."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SHIFT = 8  # pixels
_NOISE = 4.0  # standard deviation in grey levels
_QUALITY = 60

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Disturbance:
    """``change`` takes an image [S, S] and its number, a seed; ``moved`` are (rows, columns) by which it moves it."""

    change: Callable[[Pixels, int], Pixels]
    moved: tuple[int, int] = (0, 0)


def _shifted(image: Pixels, _: int) -> Pixels:
    moved = np.zeros_like(image)
    moved[_SHIFT:, _SHIFT:] = image[:-_SHIFT, :-_SHIFT]
    return moved


def _noisy(image: Pixels, number: int) -> Pixels:
    noise = np.random.default_rng(number).normal(0, _NOISE, image.shape)
    return np.where(image > 0, np.clip(np.rint(image + noise), 0, 255), 0).astype(np.uint8)


def _encoded_again(image: Pixels, _: int) -> Pixels:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=_QUALITY)
    return np.asarray(Image.open(buffer))


DISTURBANCES = {
    "shift": Disturbance(_shifted, (_SHIFT, _SHIFT)),
    "noise": Disturbance(_noisy),
    "encoding": Disturbance(_encoded_again),
}
