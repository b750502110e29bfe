"""What a device really computed in, told from its answers: settings and names of files do not say it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.runtimes.backend import Answered

_SEED = 2026
_FLOAT32_DB, _HALF_DB = 95.0, 35.0
"""Between them lie float16 and TensorFloat-32, with 11 bits: 50 to 75 dB after some 50 layers, float32 110 to 140."""


def probe_images(size: int, count: int = 2) -> NDArray[np.uint8]:
    """Network inputs uint8 [count, size, size] on which roundings differ: waves with noise."""
    random = np.random.default_rng(_SEED)
    rows, columns = np.mgrid[:size, :size]
    waves = [128 + 90 * np.sin(rows / (5 + 4 * n)) * np.cos(columns / (11 + 3 * n)) for n in range(count)]
    noisy = np.stack(waves) + random.normal(0, 12, (count, size, size))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def signal_to_noise(given: Answered, exact: Answered) -> float:
    """In decibels, of the evidence maps or of the probabilities, whichever is worse; infinite if both are equal."""
    maps = [] if given.evidence is None or exact.evidence is None else [_decibels(given.evidence, exact.evidence)]
    return min([*maps, _decibels(given.probability, exact.probability)])


def _decibels(given: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    noise = float(np.square(given.astype(np.float64) - exact).sum())
    return 10 * float(np.log10(np.square(exact.astype(np.float64)).sum() / noise)) if noise else float("inf")


def computed_in(given: Answered, on_cpu: Answered, enforced: Answered | None = None, *, integers: bool = False) -> str:
    """A device's precision in words, from its answers and the CPU's, computed in float32 or, in int8 files, integers.

    ``enforced`` are the device's answers when it was told to use float32, where that can be asked for: whatever the
    file, it used another precision by itself if they differ.
    """
    noise = signal_to_noise(given, on_cpu)
    beside = "equal to the CPU's answers" if noise == float("inf") else f"{noise:.0f} dB beside the CPU"
    if enforced is not None and not _equal(given, enforced):
        return f"computed in less than float32 unless told to use it ({beside})"
    if integers:
        return _codes_beside(given, on_cpu)
    if noise >= _FLOAT32_DB:
        return f"computed in float32 ({beside})"
    if noise >= _HALF_DB:
        return f"computed in float16, TF32 or the like ({beside})"
    return f"computed in less than float16, or wrongly ({beside})"


def _codes_beside(given: Answered, on_cpu: Answered) -> str:
    """An int8 file's map is made of few different values; a rounding that falls otherwise shows as a step."""
    if given.evidence is None or on_cpu.evidence is None:
        return ""
    steps = np.abs(given.evidence - on_cpu.evidence)
    apart = int((steps > 1e-5).sum())
    return f"{apart} of {steps.size} values of the map are not the CPU's" + (f", by {steps.max():.2g}" if apart else "")


def _equal(one: Answered, other: Answered) -> bool:
    maps = one.evidence is None or other.evidence is None or np.array_equal(one.evidence, other.evidence)
    return maps and np.array_equal(one.probability, other.probability)
