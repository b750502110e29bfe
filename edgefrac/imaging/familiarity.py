"""Is an image of the kind that a network was trained on? Of a photograph neither the answer nor the map counts.

Two questions that any app can ask without running the network: is the file coloured, which no radiograph is, and does
it look as the training radiographs do, by the Mahalanobis distance of its appearance from theirs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Familiar
from edgefrac.imaging.appearance import NUMBERS, appearance
from edgefrac.imaging.radiograph import Radiograph

COLOURED = 0.02
"""Chroma above which a file is no radiograph; those of FracAtlas have exactly 0, colour photographs 0.03 and more."""
WITHIN = 0.99
"""Share of the training images that look familiar."""
_RIDGE = 1e-5  # so that numbers which hardly vary in training do not decide alone
_FEWEST = 4 * NUMBERS


def fit_familiar(images: NDArray[np.uint8]) -> Familiar | None:
    """How network inputs uint8 [N, S, S] look; None where they are too few to say."""
    if len(images) < _FEWEST:
        return None
    numbers = np.array([appearance(image) for image in images])
    mean = numbers.mean(axis=0)
    precision = np.linalg.inv(np.cov(numbers.T) + _RIDGE * np.eye(NUMBERS))
    unlimited = Familiar(mean=_short(mean), precision=tuple(_short(row) for row in precision), limit=1.0)
    distances = [_distance(one, unlimited) for one in numbers]
    return unlimited.model_copy(update={"limit": float(f"{np.quantile(distances, WITHIN):.4g}")})


def distance(network_input: NDArray[np.uint8], familiar: Familiar) -> float:
    """Mahalanobis distance of a network input uint8 [S, S] from the training radiographs, by its appearance."""
    return _distance(appearance(network_input), familiar)


def foreign(radiograph: Radiograph, network_input: NDArray[np.uint8], familiar: Familiar | None) -> str | None:
    """Why an image is of another kind than those that a network was trained on; None where it is not."""
    if radiograph.chroma > COLOURED:
        return "it is a colour image, and radiographs are grey"
    if familiar is None:
        return None
    far = distance(network_input, familiar)
    if far <= familiar.limit:
        return None
    return f"it looks unlike the training radiographs (distance {far:.1f}, {familiar.limit:.1f} at most)"


def _distance(numbers: NDArray[np.float64], familiar: Familiar) -> float:
    off = numbers - np.array(familiar.mean)
    return float(np.sqrt(max(0.0, off @ np.array(familiar.precision) @ off)))


def _short(values: NDArray[np.float64]) -> tuple[float, ...]:
    """Six digits, for they stand in every file."""
    return tuple(float(f"{value:.6g}") for value in values)
