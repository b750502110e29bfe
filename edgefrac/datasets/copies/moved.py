"""Copies that were cropped by a few percent or rotated by a few degrees, perhaps mirrored or turned as well.

Each image is compared, at 24×24 pixels within a disc about its centre, with every other image in 104 poses (8
symmetries of the square, 7 angles, canvas kept or grown as editors do it). The ``_NEAREST`` others are registered to it
by an affine warp, coarse to fine, and are copies if what they show then correlates by ``COPY`` or more. Two exposures
of one patient look alike, but not in the fine detail that registration brings to cover.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from edgefrac.datasets.copies.registration import in_disc, overlap_correlation, register, resample
from edgefrac.datasets.copies.thumbnail import Array, compressed_contrast, halved, signatures
from edgefrac.progress import Track

COPY = 0.80  # planted copies of real radiographs reach 0.80 and more; limbs of other people reach 0.78
_ANGLES = (-9, -6, -3, 0, 3, 6, 9)  # degrees; registration closes the gaps and a little beyond the ends
_NEAREST = 8
_AT_ONCE = 3  # nearest taken in each pose
_ROWS = 512
_PAIRS = 256  # pairs registered at once
_LEVELS = ((24, 12, 0.68), (48, 8, 0.68), (96, 6, COPY))  # side, steps, least correlation to go on
_CORE = 0.8  # radius of the disc that is compared: a rotated canvas's edges stay outside it, registration knows them
_COVER = 0.6  # share of that disc that both must show


@dataclass(frozen=True)
class _Pose:
    """How a moving image is laid over a fixed one: a symmetry of the square, then a rotation on a canvas."""

    symmetry: NDArray[np.float32]
    angle: float
    grown: bool

    def warps(self, ratios: Array) -> Array:
        """float32 [n, 2, 3] for images of these ratios of width to height, which were squeezed to squares."""
        cos, sin = np.cos(np.deg2rad(self.angle)), np.sin(np.deg2rad(self.angle))
        turn = np.zeros((len(ratios), 2, 2), np.float32)
        turn[:, 0, 0] = turn[:, 1, 1] = cos
        turn[:, 0, 1], turn[:, 1, 0] = -sin / ratios, sin * ratios
        if self.grown:
            growth = np.stack([cos + abs(sin) / ratios, cos + abs(sin) * ratios], axis=1)
            turn = turn * growth[:, None, :]
        warps = np.zeros((len(ratios), 2, 3), np.float32)
        warps[:, :, :2] = self.symmetry @ turn
        return warps


def moved_copies(thumbnails: Array, ratios: Array, *, workers: int, track: Track) -> set[tuple[int, int]]:
    """Index pairs i < j of copies among float32 [n, 96, 96] with ratios of width to height [n].

    ``workers`` are threads: nearly all the time is spent in NumPy, which lets others run meanwhile.
    """
    if len(thumbnails) < 2:
        return set()
    levels = [compressed_contrast(images) for images in (halved(halved(thumbnails)), halved(thumbnails), thumbnails)]
    with ThreadPoolExecutor(workers) as pool:
        candidates = _candidates(levels[0], ratios, pool, track)
        chunks = [candidates[start : start + _PAIRS] for start in range(0, len(candidates), _PAIRS)]
        running = [pool.submit(_registered, chunk, levels, ratios) for chunk in chunks]
        found = [pair for future in track(running, "registering look-alikes") for pair in future.result()]
    return {(min(i, j), max(i, j)) for i, j in found}


def _poses() -> list[_Pose]:
    signs = [np.diag(pair).astype(np.float32) for pair in product((1, -1), repeat=2)]
    swap = np.array([[0, 1], [1, 0]], np.float32)
    symmetries = [*signs, *(swap @ sign for sign in signs)]
    turns = [(angle, grown) for angle in _ANGLES for grown in ((False, True) if angle else (False,))]
    return [_Pose(symmetry, *turn) for symmetry in symmetries for turn in turns]


_POSES = _poses()
_Candidate = tuple[int, int, int]  # fixed image, moving image, number of the pose


def _candidates(contrast: Array, ratios: Array, pool: ThreadPoolExecutor, track: Track) -> list[_Candidate]:
    """For each image the ``_NEAREST`` others in their best pose, each pair once."""
    still = _disc_signatures(contrast)

    def nearest_in(pose: _Pose) -> list[tuple[int, int, float]]:
        posed = resample(contrast, pose.warps(ratios))[0].reshape(contrast.shape)
        return list(_nearest(still, _disc_signatures(posed)))

    best: dict[tuple[int, int], tuple[float, int]] = {}
    running = [pool.submit(nearest_in, pose) for pose in _POSES]
    for number, future in enumerate(track(running, "comparing poses")):
        for i, j, likeness in future.result():
            if likeness > best.get((i, j), (0.0, 0))[0]:
                best[i, j] = likeness, number
    others: dict[int, list[tuple[float, int, int]]] = {}
    for (i, j), (likeness, number) in best.items():
        others.setdefault(i, []).append((likeness, j, number))
    chosen: dict[tuple[int, int], tuple[float, _Candidate]] = {}
    for i, found in others.items():
        for likeness, j, number in sorted(found, reverse=True)[:_NEAREST]:
            pair = min(i, j), max(i, j)
            if likeness > chosen.get(pair, (0.0, None))[0]:
                chosen[pair] = likeness, (i, j, number)
    return [candidate for _, candidate in chosen.values()]


def _disc_signatures(contrast: Array) -> Array:
    """Unit signatures [n, side²] of what lies in the disc, so that the corners of a rotated canvas do not count."""
    side = contrast.shape[1]
    flat = signatures(contrast) * np.where(in_disc(side, _CORE), 1, 0).astype(np.float32)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(length, 1e-6), dtype=np.float32)


def _nearest(still: Array, posed: Array) -> Iterator[tuple[int, int, float]]:
    """The ``_AT_ONCE`` posed signatures likest to each still one, itself left out."""
    count = min(_AT_ONCE, len(still) - 1)
    for start in range(0, len(still), _ROWS):
        likeness = still[start : start + _ROWS] @ posed.T
        rows = np.arange(len(likeness))
        likeness[rows, rows + start] = -1
        top = np.argpartition(likeness, -count, axis=1)[:, -count:]
        values = np.take_along_axis(likeness, top, axis=1)
        for row in rows:
            for j, value in zip(top[row], values[row], strict=True):
                yield int(row) + start, int(j), float(value)


def _registered(chunk: Sequence[_Candidate], levels: Sequence[Array], ratios: Array) -> list[tuple[int, int]]:
    """Those pairs of the chunk that are copies."""
    fixed, moving, pose = np.array(chunk).T
    warps = np.empty((len(chunk), 2, 3), np.float32)
    for number in np.unique(pose):
        of_pose = pose == number
        warps[of_pose] = _POSES[number].warps(ratios[moving[of_pose]])
    for contrast, (_, steps, least) in zip(levels, _LEVELS, strict=True):
        a, b = contrast[fixed], contrast[moving]
        warps = register(a, b, warps, steps)
        likeness, cover = overlap_correlation(a, b, warps, _CORE)
        keep = (likeness >= least) & (cover >= _COVER)
        fixed, moving, warps = fixed[keep], moving[keep], warps[keep]
        if not len(fixed):
            break
    return list(zip(fixed.tolist(), moving.tolist(), strict=True))
