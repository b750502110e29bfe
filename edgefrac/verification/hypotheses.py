"""What may go wrong between a file of pixels and the network, as functions that do it wrong on purpose.

Each hypothesis says what the network would see of a radiograph. The diagnosis asks the reference network again with
those inputs (``rerun``): the hypothesis under which it answers as the candidate did is the cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgefrac.imaging.grey import Samples, to_grey
from edgefrac.imaging.preprocess import Placement, preprocess
from edgefrac.imaging.radiograph import Radiograph
from edgefrac.imaging.raster import as_stored, upright
from edgefrac.verification.resampling import resized

Field = NDArray[np.float32]
Values = NDArray[np.float64]

_HALF = 0.5 + 1e-9  # halves go up, as in edgefrac.preprocess/1, also where a float falls a little short of one
_CHAIN = "do in the app what edgefrac.preprocess/1 says; its golden pairs show the difference"
_SOURCE = "read files as EdgeFrac does (docs/formats.md), and compare a radiograph read with 'edgefrac predict'"
_PIXELS = "hand the file the grey pixels 0 to 255 as uint8; it normalises them itself"


@dataclass(frozen=True)
class Shot:
    """One radiograph as read, and the samples its file stores where they are known (uint8 or uint16 [H, W(, C)])."""

    radiograph: Radiograph
    samples: Samples | None = None


@dataclass(frozen=True)
class Hypothesis:
    """A fault by name, and what it shows the network of a shot: float32 [S, S], (x - 128) / 128 were all right."""

    cause: str
    next_step: str
    see: Callable[[Shot, int], Field]


def right(shot: Shot, size: int) -> Field:
    """What the network should see."""
    return _normalised(preprocess(shot.radiograph.pixels, size))


def hypotheses() -> tuple[Hypothesis, ...]:
    """All that are tested; of equally good ones the earlier is named first."""
    return (*_READING, *_GEOMETRY, *_SCALES)


def _normalised(pixels: NDArray[np.uint8] | Values) -> Field:
    return ((np.asarray(pixels, np.float64) - 128) / 128).astype(np.float32)


def _read(cause: str, read: Callable[[Shot], NDArray[np.uint8]]) -> Hypothesis:
    """The right chain on other pixels."""

    def see(shot: Shot, size: int) -> Field:
        return right(replace(shot, radiograph=replace(shot.radiograph, pixels=read(shot))), size)

    return Hypothesis(cause, _SOURCE, see)


def _noted(shot: Shot, beginning: str) -> str:
    return next((note for note in shot.radiograph.notes if note.startswith(beginning)), "")


def _not_inverted(shot: Shot) -> NDArray[np.uint8]:
    pixels = shot.radiograph.pixels
    return 255 - pixels if _noted(shot, "MONOCHROME1 inverted") else pixels


def _orientation(shot: Shot) -> int:
    note = _noted(shot, "EXIF orientation")
    return int(note.split()[2]) if note else 1


def _as_stored(shot: Shot) -> NDArray[np.uint8]:
    return as_stored(shot.radiograph.pixels, _orientation(shot))


def _of_samples(change: Callable[[Samples], Samples], *, wide: bool = False) -> Callable[[Shot], NDArray[np.uint8]]:
    """Grey of changed samples: those of colour files, or of 16-bit ones; other shots stay as they are."""

    def read(shot: Shot) -> NDArray[np.uint8]:
        samples = shot.samples
        if samples is None or not (samples.dtype.itemsize == 2 if wide else samples.shape[2:] >= (3,)):
            return shot.radiograph.pixels
        return upright(to_grey(change(samples)), _orientation(shot))

    return read


def _low_byte(samples: Samples) -> Samples:
    return (samples & 255).astype(np.uint8)


def _high_byte(samples: Samples) -> Samples:
    return (samples >> 8).astype(np.uint8)


def _mean_grey(samples: Samples) -> Samples:
    mean: Values = np.round(samples[:, :, :3].mean(axis=2))
    return mean.astype(np.uint8) if samples.dtype.itemsize == 1 else mean.astype(np.uint16)


def _stretched_range(pixels: NDArray[np.uint8]) -> Values:
    low, high = float(pixels.min()), float(pixels.max())
    return (pixels.astype(np.float64) - low) * (255 / max(high - low, 1.0))


_READING = (
    _read("MONOCHROME1 not inverted", _not_inverted),
    _read("EXIF orientation ignored", _as_stored),
    _read("colour channels in BGR order", _of_samples(lambda s: s[:, :, 2::-1])),
    _read("colour averaged instead of weighted by luma", _of_samples(_mean_grey)),
    _read("only the red channel of colour files read", _of_samples(lambda s: s[:, :, 0])),
    _read("16-bit samples cut to their low byte", _of_samples(_low_byte, wide=True)),
    _read("16-bit samples cut to their high byte", _of_samples(_high_byte, wide=True)),
    _read("image inverted", lambda s: 255 - s.radiograph.pixels),
    _read("image turned upside down", lambda s: s.radiograph.pixels[::-1]),
    _read("image mirrored left to right", lambda s: s.radiograph.pixels[:, ::-1]),
    _read("image rotated by 180°", lambda s: s.radiograph.pixels[::-1, ::-1]),
    _read("image transposed", lambda s: s.radiograph.pixels.T),
    _read("image rotated by 90° to the left", lambda s: np.rot90(s.radiograph.pixels)),
    _read("image rotated by 90° to the right", lambda s: np.rot90(s.radiograph.pixels, -1)),
)


@dataclass(frozen=True)
class _Layout:
    """Where the image lies: ``place`` is the share of the padding above and to the left, ``fit`` as CSS object-fit."""

    place: tuple[float, float] = (0.5, 0.5)
    fill: int = 0
    fit: str = "contain"


def _laid(cause: str, layout: _Layout, kernel: str = "area") -> Hypothesis:
    """Another geometry, resized by ``kernel``."""

    def see(shot: Shot, size: int) -> Field:
        pixels = shot.radiograph.pixels
        height, width = pixels.shape
        rows, columns = Placement(height, width, size).resized if layout.fit == "contain" else (size, size)
        if layout.fit == "cover":
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            pixels = pixels[top : top + side, left : left + side]
        field = np.full((size, size), float(layout.fill))
        top, left = (int(share * (size - n)) for share, n in zip(layout.place, (rows, columns), strict=True))
        field[top : top + rows, left : left + columns] = resized(pixels, rows, columns, kernel)
        return _normalised(np.clip(np.floor(field + _HALF), 0, 255))

    return Hypothesis(cause, _CHAIN, see)


_FILTERS = {
    "nearest": "resized to the nearest pixel, without averaging",
    "point": "resized without antialias",
    "triangle": "resized with another filter: triangle instead of area",
    "cubic": "resized with another filter: bicubic instead of area",
}
_LAYOUTS = {
    "padded on the wrong side: image at the top left instead of centred": _Layout(place=(0.0, 0.0)),
    "padded on the wrong side: image at the bottom right instead of centred": _Layout(place=(1.0, 1.0)),
    "stretched to a square instead of padded": _Layout(fit="fill"),
    "cropped to a square instead of padded": _Layout(fit="cover"),
    "padded with grey instead of black": _Layout(fill=128),
    "padded with white instead of black": _Layout(fill=255),
}
# who lays an image out otherwise mostly takes a library's filter, too
_GEOMETRY = (
    *(_laid(cause, _Layout(), kernel) for kernel, cause in _FILTERS.items()),
    *(_laid(cause, layout) for cause, layout in _LAYOUTS.items()),
    *(
        _laid(f"{cause}, and {_FILTERS[kernel]}", layout, kernel)
        for cause, layout in _LAYOUTS.items()
        for kernel in ("point", "triangle")
    ),
)


def _scaled(cause: str, scale: Callable[[Values], Values]) -> Hypothesis:
    """Right pixels, other numbers: ``scale`` makes of pixels 0 to 255 what the network sees."""

    def see(shot: Shot, size: int) -> Field:
        return scale(preprocess(shot.radiograph.pixels, size).astype(np.float64)).astype(np.float32)

    return Hypothesis(cause, _PIXELS, see)


def _standardised(x: Values) -> Values:
    """With the mean and deviation of ImageNet in grey."""
    return (x - 0.449) / 0.226


_TWICE = "mean and standard deviation applied twice"
_SCALES = (
    _scaled("pixels scaled to 0–1 instead of -1–1", lambda x: x / 255),
    _scaled("pixels fed as 0–255 instead of -1–1", lambda x: x),
    _scaled("pixels scaled to 0–1 before a file that expects 0–255", lambda x: (x / 255 - 128) / 128),
    _scaled("pixels scaled to 0–1 and cut to whole numbers", lambda x: (np.floor(x / 255) - 128) / 128),
    _scaled("pixels scaled by 127.5 instead of 128", lambda x: x / 127.5 - 1),
    _scaled("pixels taken for signed bytes", lambda x: (np.where(x > 127, x - 256, x)) / 128),
    _scaled(f"{_TWICE}: those of ImageNet after (x - 128) / 128", lambda x: _standardised((x - 128) / 128)),
    _scaled("mean and standard deviation of ImageNet instead of (x - 128) / 128", lambda x: _standardised(x / 255)),
    _scaled(f"{_TWICE}: (x - 128) / 128", lambda x: ((x - 128) / 128 - 128) / 128),
    _scaled(
        "each image standardised by its own mean and deviation", lambda x: (x - x.mean()) / max(float(x.std()), 1e-6)
    ),
    _read(
        "each image stretched to its own smallest and largest value",
        lambda s: np.asarray(np.round(_stretched_range(s.radiograph.pixels)), np.uint8),
    ),
)
