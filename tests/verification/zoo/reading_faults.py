"""Faults of the app's reader: what it makes of a file's samples before anything is resized."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image

from edgefrac.imaging.preprocess import preprocess
from tests.models.networks import SIZE
from tests.verification.zoo.chain_faults import app
from tests.verification.zoo.fault import Planted, fault
from tests.verification.zoo.films import Film
from tests.verification.zoo.material import Material

Pixels = NDArray[np.uint8]


def _reader(m: Material, kind: Callable[[Film], bool], read: Callable[[bytes], Pixels]) -> Planted:
    """An app that reads files of a kind by ``read``, and all others rightly."""

    def see(film: Film) -> Pixels:
        pixels = read(film.data) if kind(film) else film.radiograph.pixels
        return preprocess(np.ascontiguousarray(pixels), SIZE)

    return app(m, see)


def _is_dicom(film: Film) -> bool:
    return film.data[128:132] == b"DICM"


def _of_mode(*modes: str) -> Callable[[Film], bool]:
    return lambda film: not _is_dicom(film) and Image.open(io.BytesIO(film.data)).mode in modes


def _image(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


@fault("MONOCHROME1 not inverted", "pydicom's pixel array as it is", "MONOCHROME1 not inverted")
def monochrome1(m: Material) -> Planted:
    return _reader(m, _is_dicom, lambda data: pydicom.dcmread(io.BytesIO(data)).pixel_array)


@fault("EXIF orientation ignored", "Pillow's pixels without exif_transpose", "EXIF orientation ignored")
def exif(m: Material) -> Planted:
    return _reader(m, _of_mode("L"), lambda data: np.asarray(_image(data)))


@fault("BGR for RGB", "OpenCV's channel order, made grey with weights for RGB", "colour channels in BGR order")
def bgr(m: Material) -> Planted:
    def read(data: bytes) -> Pixels:
        red, green, blue = (band.astype(np.float64) for band in np.moveaxis(np.asarray(_image(data)), -1, 0))
        return np.asarray((0.299 * blue + 0.587 * green + 0.114 * red).round(), np.uint8)

    return _reader(m, _of_mode("RGB"), read)


@fault("mean of the colours", "(R + G + B) / 3 instead of luma weights", "colour averaged instead of weighted")
def colour_mean(m: Material) -> Planted:
    return _reader(m, _of_mode("RGB"), lambda data: np.asarray(_image(data)).mean(axis=2).round().astype(np.uint8))


@fault("16 bit cut to the low byte", "uint16 samples cast to uint8", "16-bit samples cut to their low byte")
def low_byte(m: Material) -> Planted:
    return _reader(m, _of_mode("I;16"), lambda data: np.asarray(_image(data)).astype(np.uint8))


@fault("12 bits taken for 16", "uint16 samples of 12 bits divided by 256", "16-bit samples cut to their high byte")
def high_byte(m: Material) -> Planted:
    return _reader(m, _of_mode("I;16"), lambda data: (np.asarray(_image(data)) // 256).astype(np.uint8))


@fault("film turned by its viewer", "every image rotated by 90° to the left", "image rotated by 90° to the left")
def rotated(m: Material) -> Planted:
    def see(film: Film) -> Pixels:
        turned = Image.fromarray(film.radiograph.pixels).rotate(90, expand=True)
        return preprocess(np.asarray(turned), SIZE)

    return app(m, see)
