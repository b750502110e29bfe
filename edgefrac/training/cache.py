"""Packed images: every radiograph of a data set, preprocessed to one size, in one checksummed, memory-mapped file.

Reading and resizing 3,000 radiographs takes half a minute; an epoch from the pack takes none of it. The file is in
safetensors format (two tensors, the facts in its metadata), with room left before the tensors so that they can be
written as they come.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edgefrac import durable
from edgefrac.contract import PREPROCESS
from edgefrac.datasets.sample import Dataset, Sample
from edgefrac.errors import DatasetError, ImageError, OutputError
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.progress import Track
from edgefrac.workers.helpers import helpers

MASK_SCALE = 4
_FORMAT = "edgefrac.pack/2"
_ROOM = 512  # bytes of header for each radiograph: its hash, or why it could not be read
_ALONE = 128  # so few radiographs are read faster than helpers start
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Pack:
    """``images`` uint8 [N, S, S] and ``masks`` uint8 [N, S/4, S/4] (0 or 255), memory-mapped, in data set order.

    ``kept`` are the N positions (in the data set) that could be read; ``unreadable`` says why the others could not.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    kept: tuple[int, ...]
    sha256: tuple[str, ...]
    unreadable: tuple[str, ...]


def pack(dataset: Dataset, size: int, folder: Path, track: Track) -> Pack:
    """Open the pack of ``dataset`` at ``size``; make it first where there is none, or one that is damaged or outdated.

    Raises DatasetError where no image can be read, OutputError where the pack cannot be written.
    """
    path = folder / f"{dataset.name}-{size}-{_fingerprint(dataset)}.safetensors"
    opened = _open(path)
    if opened is None:
        with durable.writing(path) as temporary:
            _build(dataset, size, temporary, track)
        opened = _open(path)
    if opened is None:
        raise OutputError(f"{path}: packed images are not as they were written", hint="check the disk")
    return opened


def _fingerprint(dataset: Dataset) -> str:
    lines = (f"{s.id}|{s.label}|{s.reader!r}|{_stamp(s)}|{s.boxes!r}|{s.polygons!r}\n" for s in dataset.samples)
    return hashlib.sha256("".join([PREPROCESS, *lines]).encode("utf-8")).hexdigest()[:16]


def _stamp(sample: Sample) -> str:
    """Size and time of the file that a sample is read from, so that a changed file is packed again."""
    path = getattr(sample.reader, "path", None) or getattr(sample.reader, "zip_path", None)
    if path is None:
        return ""
    try:
        facts = Path(path).stat()
    except OSError:
        return "missing"
    return f"{facts.st_size}:{facts.st_mtime_ns}"


def _open(path: Path) -> Pack | None:
    """The pack at ``path``; None where there is none that can be used."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < path.stat().st_size else {}
            facts = json.loads(header["__metadata__"]["facts"])
            whole = hashlib.file_digest(file, "sha256").hexdigest() == facts["payload_sha256"]
        if facts["format"] != _FORMAT or not whole:
            return None
        arrays = {
            name: np.memmap(path, np.uint8, "r", 8 + length + header[name]["data_offsets"][0], header[name]["shape"])
            for name in ("images", "masks")
        }
    except (OSError, ValueError, KeyError, TypeError):
        return None
    kept, hashes, reasons = (tuple(facts[name]) for name in ("kept", "sha256", "unreadable"))
    return Pack(arrays["images"], arrays["masks"], kept, hashes, reasons)


def _build(dataset: Dataset, size: int, path: Path, track: Track) -> None:
    """The header comes last, when all is known."""
    room = 1024 + _ROOM * len(dataset)
    facts: dict[str, Any] = {"format": _FORMAT, "kept": [], "sha256": [], "unreadable": []}
    masks: list[bytes] = []
    payload = hashlib.sha256()
    with path.open("wb") as file:
        file.seek(8 + room)
        for position, made in enumerate(track(_Prepared(dataset, size), f"packing {dataset.name} at {size} px")):
            if isinstance(made, str):
                facts["unreadable"].append(made[:_LONGEST_REASON])
                continue
            image, mask, digest = made
            file.write(image)
            payload.update(image)
            masks.append(mask)
            facts["kept"].append(position)
            facts["sha256"].append(digest)
        if not masks:
            raise DatasetError(
                f"{dataset.name}: none of {len(dataset)} images could be read", hint=facts["unreadable"][0]
            )
        for mask in masks:
            file.write(mask)
            payload.update(mask)
        facts["payload_sha256"] = payload.hexdigest()
        file.seek(0)
        file.write(room.to_bytes(8, "little") + _header(facts, size).ljust(room))


def _header(facts: dict[str, Any], size: int) -> bytes:
    count, small = len(facts["kept"]), size // MASK_SCALE
    end = count * size * size
    tensors = {
        "images": {"dtype": "U8", "shape": [count, size, size], "data_offsets": [0, end]},
        "masks": {"dtype": "U8", "shape": [count, small, small], "data_offsets": [end, end + count * small * small]},
    }
    return json.dumps({"__metadata__": {"facts": json.dumps(facts)}, **tensors}).encode("utf-8")


_Made = tuple[bytes, bytes, str] | str


class _Prepared(Sequence[_Made]):
    """Iterates over (image, mask, hash), or the reason why there is none, of each sample; several at once."""

    def __init__(self, dataset: Dataset, size: int) -> None:
        self.samples, self.size = dataset.samples, size

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Any) -> Any:
        return _prepare(self.samples[index], self.size)

    def __iter__(self) -> Iterator[_Made]:
        workers = os.cpu_count() or 1
        if len(self) < _ALONE or workers == 1:
            yield from (_prepare(sample, self.size) for sample in self.samples)
            return
        # a fork of a process in which torch runs threads may hang
        with helpers(workers, "spawn") as pool:
            yield from pool.map(_prepare, self.samples, [self.size] * len(self), chunksize=16)


def _prepare(sample: Sample, size: int) -> _Made:
    try:
        radiograph = sample.read()
    except ImageError as error:
        return error.message
    mask = draw_mask(sample, Placement(radiograph.height, radiograph.width, size))
    return preprocess(radiograph.pixels, size).tobytes(), mask.tobytes(), radiograph.sha256


def draw_mask(sample: Sample, placement: Placement) -> NDArray[np.uint8]:
    """The sample's fracture polygons (boxes where it has none) in input coordinates, at 1/4 of the input's scale."""
    small = placement.size // MASK_SCALE
    canvas = Image.new("L", (small, small), 0)
    draw = ImageDraw.Draw(canvas)
    shapes = [list(p) for p in sample.polygons] or [
        [(b.x, b.y), (b.x + b.width, b.y), (b.x + b.width, b.y + b.height), (b.x, b.y + b.height)] for b in sample.boxes
    ]
    for shape in shapes:
        points = [placement.to_input(x, y) for x, y in shape]
        draw.polygon([(x / MASK_SCALE, y / MASK_SCALE) for x, y in points], fill=255, outline=255)
    return np.asarray(canvas)
