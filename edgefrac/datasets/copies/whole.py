"""Copies that show the same picture from edge to edge: re-encoded, scaled, quarter-turned, mirrored, cut short.

Signatures of 48×48 pixels correlate by ``COPY`` or more, as wholes or by their top halves (a truncated file has lost
its bottom), under one of the 8 symmetries of the square.
"""

from __future__ import annotations

import numpy as np

from edgefrac.datasets.copies.thumbnail import Array, compressed_contrast, halved, signatures

COPY = 0.9
_ROWS = 512  # signatures compared at once: bounds the memory


def whole_copies(thumbnails: Array) -> set[tuple[int, int]]:
    """Index pairs i < j of copies among float32 [n, 96, 96]."""
    small = halved(thumbnails)
    contrast = compressed_contrast(small)
    half = small.shape[1] // 2
    whole, top = signatures(contrast), signatures(contrast[:, :half])
    found: set[tuple[int, int]] = set()
    for symmetry in range(8):
        turned = _symmetric(contrast, symmetry)
        turned_whole, turned_top = signatures(turned), signatures(turned[:, :half])
        for start in range(0, len(thumbnails), _ROWS):
            rows = slice(start, start + _ROWS)
            likeness = np.maximum(whole[rows] @ turned_whole.T, top[rows] @ turned_top.T)
            for i, j in zip(*np.nonzero(likeness >= COPY), strict=True):
                if i + start != j:
                    found.add((min(int(i) + start, int(j)), max(int(i) + start, int(j))))
    return found


def _symmetric(images: Array, symmetry: int) -> Array:
    """One of the 8 symmetries of the square: bit 0 mirrors, bits 1-2 count quarter turns."""
    turned = np.rot90(images, symmetry >> 1, axes=(1, 2))
    return turned[:, :, ::-1] if symmetry & 1 else turned
