"""Make the golden pairs of ``edgefrac.preprocess/1``: ``python -m tests.data.preprocess.make`` from the repository.

Synthetic rasters only. The expected outputs come from ``tests.imaging.exact``, the definition in exact fractions, so
that they judge the Python of the package as they judge Kotlin and TypeScript.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.imaging import exact
from tests.imaging.files import png

FOLDER = Path(__file__).parent
# name: height, width, input size, pattern
CASES = {
    "exact-size": (32, 32, 32, "noise"),
    "exact-longer-side": (32, 21, 32, "noise"),
    "half": (64, 64, 32, "noise"),
    "third-tall": (96, 60, 32, "noise"),
    "one-pixel-over": (33, 32, 32, "noise"),
    "one-pixel-over-wide": (32, 33, 32, "noise"),
    "one-pixel-short": (31, 31, 32, "noise"),
    "one-pixel-short-tall": (31, 30, 32, "noise"),
    "prime-shrinks": (97, 61, 37, "noise"),
    "prime-shrinks-wide": (61, 97, 37, "noise"),
    "prime-grows": (17, 23, 41, "noise"),
    "prime-grows-tall": (23, 17, 41, "noise"),
    "doubled": (16, 12, 32, "noise"),
    "very-tall": (160, 16, 40, "noise"),
    "very-wide": (16, 160, 40, "noise"),
    "thinner-than-a-pixel": (3, 200, 32, "noise"),
    "one-row": (1, 64, 24, "noise"),
    "one-column": (64, 1, 24, "noise"),
    "one-pixel": (1, 1, 8, "white"),
    "white-stays-white": (50, 41, 24, "white"),
    "ties-round-up": (48, 48, 24, "checkerboard"),
    "odd-checkerboard": (51, 37, 20, "checkerboard"),
    "gradient-shrinks": (120, 151, 64, "gradient"),
    "gradient-grows": (60, 75, 112, "gradient"),
    "real-size": (227, 187, 160, "gradient"),
}
LUMA = ((0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (1, 1, 0), (12, 200, 77), (254, 3, 128))
LARGEST_16_BIT = (200, 1023, 1500, 4095, 40_000, 65_535)


def main() -> None:
    """Write the pairs and their index."""
    cases = [_pair(seed, name, *case) for seed, (name, case) in enumerate(CASES.items())]
    index = {
        "schema": "edgefrac.preprocess-golden/1",
        "preprocess": "edgefrac.preprocess/1",
        "source": "synthetic patterns, not clinical",
        "luma": [[*rgb, _luma(*rgb)] for rgb in LUMA],
        "sixteen_to_eight_bit": [_sixteen_bit(largest) for largest in LARGEST_16_BIT],
        "cases": cases,
    }
    (FOLDER / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def raster(seed: int, height: int, width: int, pattern: str) -> NDArray[np.uint8]:
    """uint8 [height, width], the same on every machine and for every NumPy."""
    y, x = np.indices((height, width))
    if pattern == "white":
        return np.full((height, width), 255, np.uint8)
    if pattern == "checkerboard":
        return ((y + x) % 2 * 255).astype(np.uint8)
    if pattern == "gradient":
        return ((3 * x + 2 * y + (x * y) // 16) % 256).astype(np.uint8)
    # the raw stream of a bit generator is fixed by its definition, unlike NumPy's distributions
    raw = np.random.PCG64(seed).random_raw(height * width)
    return (raw >> np.uint64(56)).astype(np.uint8).reshape(height, width)


def _pair(seed: int, name: str, height: int, width: int, size: int, pattern: str) -> dict[str, Any]:
    source = raster(seed, height, width, pattern)
    return {
        "name": name,
        "size": size,
        "input": _write(f"{name}.in.png", source),
        "output": _write(f"{name}.out.png", exact.preprocess(source, size)),
    }


def _write(name: str, pixels: NDArray[np.uint8]) -> dict[str, Any]:
    (FOLDER / name).write_bytes(png(pixels))
    height, width = pixels.shape
    return {"file": name, "height": height, "width": width, "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()}


def _luma(red: int, green: int, blue: int) -> int:
    return (77 * red + 150 * green + 29 * blue + 128) // 256


def _sixteen_bit(largest: int) -> dict[str, Any]:
    full = 2 ** min(max(largest.bit_length(), 8), 16) - 1
    values = sorted({0, 1, largest // 3, largest // 2, largest - 1, largest})
    return {"largest": largest, "values": values, "grey": [(2 * 255 * v + full) // (2 * full) for v in values]}


if __name__ == "__main__":
    main()
