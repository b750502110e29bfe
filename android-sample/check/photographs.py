"""Photographs of film on a light box and of screens, simulated: perspective, surroundings, glare, tint and moiré.

They stand for what a user gives an app when no file is at hand, and what no network here was trained on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = (900, 1200)  # rows and columns of the photograph


def photographed(pixels: NDArray[np.uint8], rng: np.random.Generator, *, grey: bool) -> NDArray[np.uint8]:
    """``pixels`` [H, W] as a camera sees them, uint8 [900, 1200, 3]; ``grey`` as a black-and-white copy of that."""
    rows, columns = _SIDE
    corners = np.array([[0.12, 0.1], [0.88, 0.1], [0.88, 0.9], [0.12, 0.9]]) + rng.uniform(-0.06, 0.06, (4, 2))
    coefficients = _perspective(corners * (columns, rows), pixels.shape)
    source = Image.fromarray(pixels)
    shown, mask = (
        np.asarray(
            image.transform((columns, rows), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR),
            np.float32,
        )
        / 255
        for image in (source, Image.new("L", source.size, 255))
    )
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    moire = 1 + 0.06 * np.sin(x * rng.uniform(0.6, 1.4) + y * rng.uniform(-0.4, 0.4))
    room = rng.uniform(0.25, 0.6) * (0.8 + 0.2 * x / columns)  # wall, table or the bezel, lit from one side
    light = np.where(mask > 0, 0.15 + 0.8 * shown * moire, room)
    centre = rng.uniform(0.3, 0.7, 2) * (columns, rows)
    glare = rng.uniform(0.3, 0.7) * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 110.0**2))
    tint = np.ones(3) if grey else np.array([rng.uniform(0.82, 0.95), rng.uniform(0.94, 1), 1.0])
    seen = (light + glare)[..., None] * tint + rng.normal(0, 0.012, (rows, columns, 1))
    photograph: NDArray[np.uint8] = (np.clip(seen, 0, 1) * 255).astype(np.uint8)
    return photograph


def _perspective(corners: NDArray[np.float64], shape: tuple[int, ...]) -> list[float]:
    """Pillow's eight coefficients, which take each place of the photograph to a place of the image."""
    height, width = shape
    rows, wanted = [], []
    for (x, y), (u, v) in zip(corners, ((0, 0), (width, 0), (width, height), (0, height)), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    return [float(value) for value in np.linalg.solve(np.array(rows), np.array(wanted))]
