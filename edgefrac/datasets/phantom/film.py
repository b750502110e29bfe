"""From attenuation to pixels: exposure, scatter, noise, the curve of the film, the plate's border and its marker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.phantom.projection import Raster

_MARKERS = {
    "L": ("1000", "1000", "1000", "1000", "1000", "1000", "1111"),
    "R": ("1110", "1001", "1001", "1110", "1010", "1001", "1001"),
}


def expose(attenuation: Raster, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Integral of µ along each ray, float32 [H, W] -> uint8 [H, W], bright = dense.

    Beer-Lambert primary beam, scatter as a share of its blurred image, quantum noise after Poisson (as a normal
    deviate of equal variance), then the logarithm and a window chosen as an operator would.
    """
    primary = np.exp(-attenuation.astype(np.float64))
    scatter = rng.uniform(0.04, 0.16)
    beam = _soften((1 - scatter) * primary + scatter * _blurred(primary, 16), rng.uniform(0.3, 1.0))
    photons = 10 ** rng.uniform(3.9, 5.0)
    noise = rng.standard_normal(beam.shape) * np.sqrt(beam / photons)
    streaks = rng.normal(0, rng.uniform(0.001, 0.008), beam.shape[1])
    density = -np.log(np.maximum(beam + noise, 1e-4)) + streaks
    high = float(np.partition(density.ravel(), int(density.size * 0.997))[int(density.size * 0.997)])
    air, white = -high * rng.uniform(0.06, 0.24), high * rng.uniform(0.92, 1.25)
    level = np.clip((density - air) / (white - air), 0, 1) ** rng.uniform(1.1, 1.9)
    framed = _bordered(level, rng)
    if rng.random() < 0.3:
        _stamp(framed, rng)
    return np.asarray(np.rint(255 * framed), dtype=np.uint8)


def smooth_noise(shape: tuple[int, int], cell: int, rng: np.random.Generator) -> Raster:
    """Noise of unit variance at the nodes of a grid of ``cell`` pixels, interpolated: float32 [H, W]."""
    rows, columns = shape[0] // cell + 2, shape[1] // cell + 2
    return _interpolated(rng.standard_normal((rows, columns)), shape, cell).astype(np.float32)


def _interpolated(nodes: NDArray[np.float64], shape: tuple[int, int], cell: int) -> NDArray[np.float64]:
    """Bilinear interpolation of nodes ``cell`` pixels apart."""
    for axis in (0, 1):
        position = (np.arange(shape[axis]) + 0.5) / cell
        low = np.minimum(position.astype(np.intp), nodes.shape[axis] - 2)
        part = np.expand_dims(position - low, 1 - axis)
        nodes = np.take(nodes, low, axis) * (1 - part) + np.take(nodes, low + 1, axis) * part
    return nodes


def _blurred(image: NDArray[np.float64], cell: int) -> NDArray[np.float64]:
    """A wide blur: means of ``cell``×``cell`` blocks, smoothed thrice and interpolated."""
    rows, columns = -(-image.shape[0] // cell), -(-image.shape[1] // cell)
    padded = np.pad(image, ((0, rows * cell - image.shape[0]), (0, columns * cell - image.shape[1])), mode="edge")
    blocks = padded.reshape(rows, cell, columns, cell).mean(axis=(1, 3))
    for _ in range(3):
        blocks = _soften(blocks, 1.0)
    nodes = np.pad(blocks, 1, mode="edge")
    nodes = (nodes[:-1, :-1] + nodes[1:, :-1] + nodes[:-1, 1:] + nodes[1:, 1:]) / 4  # at the corners of the blocks
    return _interpolated(np.pad(nodes, ((0, 1), (0, 1)), mode="edge"), (image.shape[0], image.shape[1]), cell)


def _soften(image: NDArray[np.float64], amount: float) -> NDArray[np.float64]:
    """Binomial blur over 3×3 pixels, mixed in by ``amount``."""
    for axis in (0, 1):
        padded = np.pad(image, [(1, 1) if i == axis else (0, 0) for i in (0, 1)], mode="edge")
        before, after = (padded[:-2], padded[2:]) if axis == 0 else (padded[:, :-2], padded[:, 2:])
        image = image * (1 - amount / 2) + (before + after) * (amount / 4)
    return image


def _bordered(level: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """The plate beyond the collimator: unexposed and so white, or masked to black; often none is seen."""
    framed = level.copy()
    shade = float(rng.choice([0.0, rng.uniform(0.75, 1.0)]))
    for side in range(4):
        if rng.random() < 0.25:
            turned = np.rot90(framed, side)
            depth = rng.uniform(0.004, 0.07) * turned.shape[0]
            slant = rng.uniform(-0.03, 0.03) * turned.shape[0]
            edge = depth + slant * (np.arange(turned.shape[1]) / turned.shape[1] - 0.5)
            cover = np.clip((edge[None, :] - np.arange(turned.shape[0])[:, None]) / rng.uniform(1, 4) + 0.5, 0, 1)
            turned *= 1 - cover
            turned += shade * cover
    return framed


def _stamp(level: NDArray[np.float64], rng: np.random.Generator) -> None:
    """A lead letter, L or R, near a corner."""
    letter = np.array(
        [[int(bit) for bit in row] for row in _MARKERS[str(rng.choice(list(_MARKERS)))]], dtype=np.float64
    )
    size = max(1, round(max(level.shape) * rng.uniform(0.004, 0.008)))
    letter = letter.repeat(size, axis=0).repeat(size, axis=1)
    height, width = letter.shape
    room = level.shape[0] - height, level.shape[1] - width
    row, column = (int(rng.choice([0.03, 0.97]) * side + rng.uniform(-0.02, 0.02) * side) for side in room)
    row, column = min(max(row, 0), room[0]), min(max(column, 0), room[1])
    patch = level[row : row + height, column : column + width]
    np.maximum(patch, letter * rng.uniform(0.8, 1.0), out=patch)
