"""Copies of a radiograph within a data set: identical, re-encoded, scaled, rotated, mirrored or cut short.

Each raster becomes a perceptual signature: a 48×48 thumbnail minus its local mean, its contrast compressed by a
signed square root (so neither exposure nor one bright bone decides), of unit length. Two images are copies if their
signatures correlate by ``COPY`` or more, as wholes or by their top halves (a truncated file has lost its bottom),
under one of the 8 symmetries of the square. On FracAtlas this separates cleanly: 131 pairs among 3,150 images lie above
0.999, no other above 0.9; comparing wholes alone misses a third of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgefrac.datasets.files import write_atomically
from edgefrac.datasets.findings import Findings
from edgefrac.datasets.sample import Dataset
from edgefrac.errors import DatasetError, ImageError

COPY = 0.9
_SIDE = 48
_FLAT = 1.0  # grey levels of local contrast below which half an image is empty and matches nothing
_ROWS = 512  # signatures compared at once: bounds the memory

Array = NDArray[np.float32]


class Duplicates(BaseModel):
    """What ``find_duplicates`` found (``edgefrac.duplicates/1``), small enough to keep beside the data.

    ``pairs`` are sample ids of copies. ``excluded`` samples are of no use in training or validation: unreadable, or
    copies with contradicting labels. ``sha256`` maps sample id -> ``Radiograph.sha256``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_id: Literal["edgefrac.duplicates/1"] = Field(default="edgefrac.duplicates/1", alias="schema")
    dataset: str
    pairs: tuple[tuple[str, str], ...]
    excluded: tuple[str, ...]
    sha256: dict[str, str]
    findings: tuple[str, ...]

    def save(self, path: Path) -> None:
        """Write as JSON; raises ``OutputError``."""
        write_atomically(path, self.model_dump_json(by_alias=True, indent=1).encode())


def load_duplicates(path: Path) -> Duplicates:
    """Read what ``Duplicates.save`` wrote; raises ``DatasetError``."""
    try:
        return Duplicates.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise DatasetError(f"{path}: not a list of duplicates ({error.errors()[0]['msg']})") from error


def find_duplicates(dataset: Dataset) -> Duplicates:
    """Decode every radiograph once and compare all with all: O(n²), 3,150 images in half a minute on one core.

    Copies whose labels contradict each other are excluded (which label is right cannot be told); unreadable images
    too. Each is named in ``findings``.
    """
    findings = Findings()
    hashes: dict[str, str] = {}
    thumbnails: list[Array] = []
    unreadable: list[str] = []
    for sample in dataset.samples:
        try:
            radiograph = sample.read()
        except ImageError:
            unreadable.append(sample.id)
            findings.add("unreadable, left out", sample.id)
            continue
        hashes[sample.id] = radiograph.sha256
        thumbnails.append(_thumbnail(radiograph.pixels))
    ids = list(hashes)
    pairs = [(ids[i], ids[j]) for i, j in _copies(np.stack(thumbnails))] if thumbnails else []
    label_of = {sample.id: sample.label for sample in dataset.samples}
    contradicting = [pair for pair in pairs if label_of[pair[0]] != label_of[pair[1]]]
    for a, b in pairs:
        kind = "pixel-identical" if hashes[a] == hashes[b] else "near-duplicate"
        rule = "with contradicting labels, both left out" if (a, b) in contradicting else "kept in one fold"
        findings.add(f"{kind} pairs {rule}", f"{a} = {b}")
    excluded = sorted({*unreadable, *(name for pair in contradicting for name in pair)})
    return Duplicates(
        dataset=dataset.name,
        pairs=tuple(pairs),
        excluded=tuple(excluded),
        sha256=hashes,
        findings=findings.lines(),
    )


def _thumbnail(pixels: NDArray[np.uint8]) -> Array:
    """uint8 [H, W] -> float32 [48, 48] of area means (squeezed to a square)."""
    small = Image.fromarray(pixels).convert("F").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def _copies(thumbnails: Array) -> list[tuple[int, int]]:
    """Index pairs i < j of copies among float32 [n, 48, 48]."""
    contrast = _compressed_contrast(thumbnails)
    whole, top = _signatures(contrast), _signatures(contrast[:, : _SIDE // 2])
    found: set[tuple[int, int]] = set()
    for symmetry in range(8):
        turned = _symmetric(contrast, symmetry)
        turned_whole, turned_top = _signatures(turned), _signatures(turned[:, : _SIDE // 2])
        for start in range(0, len(thumbnails), _ROWS):
            rows = slice(start, start + _ROWS)
            likeness = np.maximum(whole[rows] @ turned_whole.T, top[rows] @ turned_top.T)
            for i, j in zip(*np.nonzero(likeness >= COPY), strict=True):
                if i + start != j:
                    found.add((min(int(i) + start, int(j)), max(int(i) + start, int(j))))
    return sorted(found)


def _compressed_contrast(thumbnails: Array) -> Array:
    """Signed square root of the difference from the 5×5 mean around each pixel."""
    padded = np.pad(thumbnails, ((0, 0), (2, 2), (2, 2)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    mean = windows.mean(axis=(3, 4), dtype=np.float32)
    difference = thumbnails - mean
    return np.asarray(np.sign(difference) * np.sqrt(np.abs(difference)), dtype=np.float32)


def _signatures(contrast: Array) -> Array:
    """float32 [n, h, w] -> [n, h·w] of unit length; zeros where there is next to no contrast."""
    flat = contrast.reshape(len(contrast), -1)
    length = np.sqrt((flat**2).sum(axis=1, keepdims=True))
    enough = length > np.sqrt(_FLAT * flat.shape[1])
    return np.where(enough, flat / np.where(enough, length, 1), 0).astype(np.float32)


def _symmetric(images: Array, symmetry: int) -> Array:
    """One of the 8 symmetries of the square: bit 0 mirrors, bits 1-2 count quarter turns."""
    turned = np.rot90(images, symmetry >> 1, axes=(1, 2))
    return turned[:, :, ::-1] if symmetry & 1 else turned
