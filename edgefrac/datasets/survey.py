"""One look at every radiograph of a data set: all that duplicates and the audit need, so that each is decoded once."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edgefrac.datasets.copies.thumbnail import SIDE, thumbnail
from edgefrac.datasets.sample import Dataset, FileReader, Sample, ZipReader
from edgefrac.errors import ImageError
from edgefrac.imaging.burned_in import identifying
from edgefrac.progress import Track, silent
from edgefrac.workers.helpers import helpers

_WORTH_A_PROCESS = 200  # images below which starting processes takes longer than it saves
_AT_ONCE = 16
_CONSTANT = 3  # grey levels by which a row of a letterbox may vary
_QUANTILES = (1, 5, 25, 50, 75, 95, 99)
_TABLE_DIGITS = 8


@dataclass(frozen=True)
class Look:
    """What was seen of one radiograph.

    ``error`` says why it could not be read; the rest is then empty. ``thumbnail`` is float16 [96, 96] in grey levels.
    ``brightness`` and ``borders`` are statistics of the raster, ``encoding`` is how the file holds it, ``identifying``
    is why the picture itself may tell who the patient is.
    """

    id: str
    error: str = ""
    notes: tuple[str, ...] = ()
    sha256: str = ""
    width: int = 0
    height: int = 0
    thumbnail: NDArray[np.float16] = field(default_factory=lambda: np.zeros((SIDE, SIDE), np.float16))
    brightness: Mapping[str, float] = field(default_factory=dict)
    borders: Mapping[str, float] = field(default_factory=dict)
    encoding: Mapping[str, str] = field(default_factory=dict)
    identifying: str = ""


def survey(dataset: Dataset, *, workers: int = 1, track: Track = silent) -> list[Look]:
    """Look at every radiograph, in ``workers`` processes; in the order of the data set, unreadable ones included."""
    if workers < 2 or len(dataset) < _WORTH_A_PROCESS:
        return [_look(sample) for sample in track(dataset.samples, "reading radiographs")]
    parts = [dataset.samples[start : start + _AT_ONCE] for start in range(0, len(dataset), _AT_ONCE)]
    with helpers(workers, "fork") as pool:
        running = [pool.submit(_look_at, part) for part in parts]
        return [look for future in track(running, f"reading radiographs by {_AT_ONCE}") for look in future.result()]


def _look_at(samples: tuple[Sample, ...]) -> list[Look]:
    return [_look(sample) for sample in samples]


def _look(sample: Sample) -> Look:
    try:
        radiograph = sample.read()
    except ImageError as error:
        return Look(sample.id, error.message)
    return Look(
        id=sample.id,
        notes=radiograph.notes,
        sha256=radiograph.sha256,
        width=radiograph.width,
        height=radiograph.height,
        thumbnail=thumbnail(radiograph.pixels),
        brightness=_brightness(radiograph.pixels),
        borders=_borders(radiograph.pixels),
        encoding={"format": radiograph.source_format, **_jpeg_tables(sample)},
        identifying=identifying(radiograph) or "",
    )


def _brightness(pixels: NDArray[np.uint8]) -> dict[str, float]:
    counts = np.bincount(pixels.ravel(), minlength=256) / pixels.size
    levels, upto = np.arange(256), np.cumsum(counts)
    mean = float(counts @ levels)
    quantiles = {f"{q} % quantile": float(np.searchsorted(upto, q / 100)) for q in _QUANTILES}
    deviation = float(np.sqrt(counts @ (levels - mean) ** 2))
    return {"mean": mean, "deviation": deviation, **quantiles, "black": float(counts[0]), "white": float(counts[255])}


def _borders(pixels: NDArray[np.uint8]) -> dict[str, float]:
    """For each side the share of the image that is a constant band there, and the mean grey of the outermost rows."""
    found = {}
    for side, rows in {"top": pixels, "bottom": pixels[::-1], "left": pixels.T, "right": pixels.T[::-1]}.items():
        varied = np.flatnonzero(np.ptp(rows, axis=1) > _CONSTANT)
        found[f"{side} band"] = float(varied[0] if varied.size else len(rows)) / len(rows)
        found[f"{side} grey"] = float(rows[: max(1, len(rows) // 50)].mean())
    return found


def _jpeg_tables(sample: Sample) -> dict[str, str]:
    """Quantization tables (named by their hash) and chroma of a JPEG file; nothing for other images."""
    if not isinstance(sample.reader, FileReader | ZipReader):
        return {}
    try:
        # of JPEG only the header is read here, and not by native code
        with Image.open(io.BytesIO(sample.reader.data()), formats=("JPEG",)) as image:
            tables = getattr(image, "quantization", None)
            mode, progressive = image.mode, "progressive" if "progressive" in image.info else "baseline"
    except (OSError, ImageError, ValueError, Image.DecompressionBombError):
        return {}
    if not tables:
        return {}
    digest = hashlib.sha256(repr(sorted((k, list(v)) for k, v in tables.items())).encode("ascii")).hexdigest()
    return {"tables": digest[:_TABLE_DIGITS], "kind": f"{mode} {progressive}"}
