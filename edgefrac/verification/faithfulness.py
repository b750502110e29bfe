"""Does an answer depend on what a map shows? Insertion and deletion (Petsiuk et al. 2018, RISE, arXiv:1806.07421)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Pixels = NDArray[np.uint8]
Ask = Callable[[Pixels], float]
"""What a model answers to a network input: its probability."""

STEPS = 12
"""Equal parts of the radiograph that are taken out, or put back, one after the other."""
_BLUR = 1 / 16  # standard deviation as a share of the input: no fracture line survives it, the limb's outline does


@dataclass(frozen=True)
class Faithfulness:
    """Mean probability while pixels go (``deletion``: low is good) or come (``insertion``: high is good)."""

    deletion: float
    insertion: float


def faithfulness(ask: Ask, image: Pixels, values: NDArray[np.floating], inside: NDArray[np.bool_]) -> Faithfulness:
    """Take out of ``image`` [S, S] the pixels ``inside`` it in falling order of ``values`` [S, S], and put them back.

    What is taken out is blurred, for an image with black holes is no radiograph. Means are areas under the curve over
    the share of pixels, by the trapezoid rule.
    """
    blurred = np.where(inside, np.rint(gaussian_filter(image.astype(np.float32), _BLUR * len(image))), image)
    blurred = blurred.astype(np.uint8)
    places = np.flatnonzero(inside)
    order = places[np.argsort(-values.ravel()[places], kind="stable")]
    whole, nothing = ask(image), ask(blurred)
    gone, back = [whole], [nothing]
    for step in range(1, STEPS):
        taken = np.zeros(image.shape, np.bool_)
        taken.ravel()[order[: round(step * len(order) / STEPS)]] = True
        gone.append(ask(np.where(taken, blurred, image)))
        back.append(ask(np.where(taken, image, blurred)))
    return Faithfulness(_area([*gone, nothing]), _area([*back, whole]))


def _area(curve: list[float]) -> float:
    return float(np.trapezoid(curve) / (len(curve) - 1))
