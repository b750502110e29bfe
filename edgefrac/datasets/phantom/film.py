"""From attenuation to pixels: exposure, scatter, noise, the scanner's processing, the plate's border, its markers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgefrac.datasets.phantom.projection import Raster

Level = NDArray[np.float64]

_MARKERS = {
    "L": ("10000", "10000", "10000", "10000", "10000", "10000", "11111"),
    "R": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
}


def expose(attenuation: Raster, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Integral of µ along each ray, float32 [H, W] -> uint8 [H, W], bright = dense.

    Beer-Lambert primary beam, scatter as a share of its blurred image, quantum noise after Poisson (as a normal
    deviate of equal variance), the logarithm, then what a scanner makes of it for the eye. Functions that differ in
    the last digit between machines are taken in double precision, far below a grey level.
    """
    primary = np.exp(-attenuation.astype(np.float64)).astype(np.float32) * _heel(attenuation.shape, rng)
    scatter = np.float32(rng.uniform(0.04, 0.14))
    beam = soften((1 - scatter) * primary + scatter * blurred(primary, 16), rng.uniform(0.2, 0.8))
    photons = 10 ** rng.uniform(4.1, 5.3)
    noise = rng.standard_normal(beam.shape, dtype=np.float32) * np.sqrt(beam * np.float32(1 / photons))
    streaks = np.float32(rng.uniform(0.001, 0.006)) * rng.standard_normal(beam.shape[1], dtype=np.float32)
    density = -np.log(np.maximum(beam + noise, np.float32(1e-4)), dtype=np.float64).astype(np.float32) + streaks
    framed = _bordered(_processed(density, rng), rng)
    if rng.random() < 0.3:
        _stamp(framed, rng)
    steps = float(rng.choice([255, 255, 127, 63]))
    return np.asarray(np.rint(np.rint(steps * np.clip(framed, 0, 1)) * (255 / steps)), dtype=np.uint8)


def smooth_noise(shape: tuple[int, int], cell: int, rng: np.random.Generator) -> Raster:
    """Noise of unit variance at the nodes of a grid of ``cell`` pixels, interpolated: float32 [H, W]."""
    nodes = rng.standard_normal((shape[0] // cell + 2, shape[1] // cell + 2), dtype=np.float32)
    return _resized(nodes, shape)


def blurred(image: Raster, cell: int) -> Raster:
    """A wide blur: means of ``cell``×``cell`` blocks, smoothed thrice and interpolated."""
    small = (-(-image.shape[0] // cell), -(-image.shape[1] // cell))
    blocks = _resized(image, small, Image.Resampling.BOX)
    for _ in range(3):
        blocks = soften(blocks, 1.0)
    return _resized(blocks, (image.shape[0], image.shape[1]))


def soften(image: Raster, amount: float) -> Raster:
    """Binomial blur over 3×3 pixels, mixed in by ``amount``."""
    side, middle = np.float32(amount / 4), np.float32(1 - amount / 2)
    rows = image * middle
    rows[1:] += side * image[:-1]
    rows[:-1] += side * image[1:]
    rows[0] += side * image[0]
    rows[-1] += side * image[-1]
    both = rows * middle
    both[:, 1:] += side * rows[:, :-1]
    both[:, :-1] += side * rows[:, 1:]
    both[:, 0] += side * rows[:, 0]
    both[:, -1] += side * rows[:, -1]
    return both


def _resized(image: Raster, shape: tuple[int, int], how: Image.Resampling = Image.Resampling.BILINEAR) -> Raster:
    return np.asarray(Image.fromarray(image).resize(shape[::-1], how))


def _processed(density: Raster, rng: np.random.Generator) -> Level:
    """What a scanner does: large areas evened out, edges lifted, a window and a curve."""
    evened = density - np.float32(rng.uniform(0.15, 0.55)) * blurred(density, 24)
    edges = density - soften(soften(density, 1.0), 1.0)
    shown = evened + np.float32(rng.uniform(0.2, 1.3)) * edges
    sample = np.sort(shown[::3, ::3], axis=None)
    low, high = float(sample[int(0.02 * sample.size)]), float(sample[int(0.997 * sample.size)])
    span = high - low
    black, white = low - span * rng.uniform(0.02, 0.16), high + span * rng.uniform(-0.12, 0.2)
    level = np.clip((shown.astype(np.float64) - black) / (white - black), 0, 1)
    return np.asarray(level ** rng.uniform(1.0, 1.7))


def _heel(shape: tuple[int, ...], rng: np.random.Generator) -> Raster:
    """The beam weakens towards the anode (heel effect)."""
    fall = np.linspace(-1, 1, shape[0])[:, None] * rng.uniform(-0.1, 0.1)
    fall = fall + np.linspace(-1, 1, shape[1])[None, :] * rng.uniform(-0.06, 0.06)
    return np.asarray(1 + fall, dtype=np.float32)


def _bordered(level: Level, rng: np.random.Generator) -> Level:
    """The plate beyond the collimator: unexposed and so white, or masked to black; often none is seen."""
    framed = level.copy()
    white = rng.random() < 0.6
    shade = rng.uniform(0.85, 1.0) if white else 0.0
    for side in range(4):
        if rng.random() < 0.22:
            turned = np.rot90(framed, side)
            depth = rng.uniform(0.004, 0.08) * turned.shape[0]
            slant = rng.normal(0, 0.012) * turned.shape[0]
            edge = depth + slant * (np.arange(turned.shape[1]) / turned.shape[1] - 0.5)
            wave = rng.uniform(0, 1.5) * rng.standard_normal(turned.shape[1] // 12 + 2)
            edge += np.interp(np.arange(turned.shape[1]) / 12, np.arange(wave.size), wave)
            softness = rng.uniform(1, 7)
            cover = np.clip((edge[None, :] - np.arange(turned.shape[0])[:, None]) / softness + 0.5, 0, 1)
            turned *= 1 - cover
            turned += shade * cover
    if rng.random() < 0.15:
        rim = float(rng.choice([0.0, 0.9]))
        framed[:, 0] = framed[:, -1] = framed[0] = framed[-1] = rim
    return framed


def _stamp(level: Level, rng: np.random.Generator) -> None:
    """A lead letter, L or R, near a corner."""
    rows = _MARKERS[str(rng.choice(list(_MARKERS)))]
    letter = np.array([[int(bit) for bit in row] for row in rows], dtype=np.float32)
    size = max(1, round(max(level.shape) * rng.uniform(0.004, 0.008)))
    letter = soften(np.pad(letter.repeat(size, axis=0).repeat(size, axis=1), 1), 0.7)
    if rng.random() < 0.2:
        letter = letter[:, ::-1]
    height, width = letter.shape
    room = level.shape[0] - height, level.shape[1] - width
    row, column = (int(rng.choice([0.05, 0.95]) * side + rng.uniform(-0.04, 0.04) * side) for side in room)
    row, column = min(max(row, 0), room[0]), min(max(column, 0), room[1])
    patch = level[row : row + height, column : column + width]
    np.maximum(patch, letter * rng.uniform(0.8, 1.0), out=patch)
