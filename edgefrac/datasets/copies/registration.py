"""Affine registration of many small image pairs at once, coarse to fine.

Inverse compositional Lucas–Kanade (Baker & Matthews, "Lucas-Kanade 20 Years On", IJCV 56, 2004): gradients and Hessian
are those of the fixed image, so a step costs one resampling of the moving one. Coordinates are shares of the half
side, -1 … 1 from edge to edge, so that one warp serves every level of the pyramid. A warp is float32 [n, 2, 3]: it
maps a point (x, y, 1) of the fixed image to (x, y) of the moving one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_RIDGE = 1e-3  # share of the Hessian's mean diagonal added to it: flat images do not move


def grid(side: int) -> Array:
    """Pixel centres of a ``side``×``side`` image as float32 [side², 3] of (x, y, 1)."""
    axis = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
    x, y = np.meshgrid(axis, axis)
    return np.stack([x.ravel(), y.ravel(), np.ones(side * side, np.float32)], axis=1)


def in_disc(side: int, radius: float = 1) -> NDArray[np.bool_]:
    """Which pixels [side²] lie in a disc about the centre, by default the one that touches the edges.

    A rotated copy has other corners; where its canvas was kept or grew, its edges too run further in.
    """
    points = grid(side)
    return np.asarray(np.hypot(points[:, 0], points[:, 1]) <= radius)


def resample(images: Array, warps: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Bilinear samples of ``images`` [n, side, side] under ``warps`` [n, 2, 3], and which of them lie inside.

    Both are [n, side²]. Outside the image the nearest edge pixel stands.
    """
    n, side = len(images), images.shape[1]
    place = np.moveaxis(grid(side) @ np.swapaxes(warps, -1, -2), -1, 0)  # [2, (n,) side²]
    inside = (np.abs(place) <= 1).all(axis=0)
    x, y = np.clip((place + 1) * (side / 2) - 0.5, 0, side - 1).astype(np.float32)
    left, top = np.minimum(x.astype(np.int32), side - 2), np.minimum(y.astype(np.int32), side - 2)
    right_share, bottom_share = x - left, y - top
    flat = images.reshape(n, side * side)
    corner = top * side + left
    corners = [np.take_along_axis(flat, corner + step, axis=1) for step in (0, 1, side, side + 1)]
    upper = corners[0] + (corners[1] - corners[0]) * right_share
    lower = corners[2] + (corners[3] - corners[2]) * right_share
    return upper + (lower - upper) * bottom_share, inside


def register(fixed: Array, moving: Array, warps: Array, steps: int) -> Array:
    """Improve ``warps`` by ``steps`` Gauss–Newton steps; ``fixed`` and ``moving`` are [n, side, side]."""
    n, side = len(fixed), fixed.shape[1]
    down, across = np.gradient(fixed, 2 / side, axis=(1, 2))
    points = grid(side)
    descent = np.concatenate([across.reshape(n, -1, 1) * points, down.reshape(n, -1, 1) * points], axis=2)
    descent *= in_disc(side)[None, :, None]  # [n, side², 6]
    downhill = np.ascontiguousarray(np.swapaxes(descent, 1, 2))
    hessian = downhill @ descent
    ridge = _RIDGE * np.trace(hessian, axis1=1, axis2=2) / 6 + 1e-6
    inverse = np.linalg.inv(hessian + np.eye(6, dtype=np.float32) * ridge[:, None, None])
    target = fixed.reshape(n, -1)
    for _ in range(steps):
        seen, inside = resample(moving, warps)
        change = inverse @ (downhill @ ((seen - target) * inside)[:, :, None])
        warps = _after_inverse(warps, np.clip(change.reshape(n, 2, 3), -0.1, 0.1))
    return warps


def overlap_correlation(fixed: Array, moving: Array, warps: Array, radius: float = 1) -> tuple[Array, Array]:
    """Pearson correlation [n] over the overlap in the fixed image's disc, and the share [n] of the disc it covers."""
    seen, inside = resample(moving, warps)
    disc = in_disc(fixed.shape[1], radius)
    weight = (inside & disc).astype(np.float32)
    count = np.maximum(weight.sum(axis=1, keepdims=True), 1)
    a = fixed.reshape(len(fixed), -1)
    a = (a - (a * weight).sum(axis=1, keepdims=True) / count) * weight
    b = (seen - (seen * weight).sum(axis=1, keepdims=True) / count) * weight
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    correlation = np.where(scale > 0, (a * b).sum(axis=1) / np.maximum(scale, 1e-12), 0)
    return correlation.astype(np.float32), weight.sum(axis=1) / max(1, int(disc.sum()))


def _after_inverse(warps: Array, change: Array) -> Array:
    """The warp of inverse compositional steps: first the inverse of ``change`` (added to identity), then ``warps``."""
    step = np.zeros((len(warps), 3, 3), np.float32)
    step[:, :2] = change
    step += np.eye(3, dtype=np.float32)
    full = np.zeros_like(step)
    full[:, :2] = warps
    full[:, 2, 2] = 1
    return np.ascontiguousarray((full @ np.linalg.inv(step))[:, :2])
