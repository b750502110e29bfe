"""Faults of the app in front of a right file: geometry and scale of what it hands over.

They are planted with the tools that an app would use (Pillow, torch), not with what the diagnosis tries.
"""

from __future__ import annotations

from collections.abc import Callable
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edgefrac.imaging.preprocess import preprocess
from edgefrac.runtimes.litert import make_interpreter
from edgefrac.runtimes.session import Prediction
from edgefrac.targets import tflite_graph
from tests.models.networks import SIZE
from tests.verification.zoo.fault import Planted, fault, planted_file
from tests.verification.zoo.films import Film
from tests.verification.zoo.material import Material, right

Pixels = NDArray[np.uint8]


def app(m: Material, see: Callable[[Film], Pixels]) -> Planted:
    """A right file in an app that prepares its input by ``see``."""
    session = m.export.session("clean", planted_file(m.export, m.export.float_model).path.read_bytes())
    return Planted(session.path, session.contract, lambda film: session.predict(np.ascontiguousarray(see(film))))


def _on_pixels(m: Material, change: Callable[[Pixels], Pixels]) -> Planted:
    return app(m, lambda film: preprocess(np.ascontiguousarray(change(film.radiograph.pixels)), SIZE))


def _contained(pixels: Pixels, shrink: Callable[[Pixels, int, int], Pixels]) -> Pixels:
    """Resize by ``shrink`` to fit, and centre on black, by Pillow's own geometry."""
    rows, columns = (max(1, round(n * SIZE / max(pixels.shape))) for n in pixels.shape)
    field = Image.new("L", (SIZE, SIZE))
    field.paste(Image.fromarray(shrink(pixels, rows, columns)), ((SIZE - columns) // 2, (SIZE - rows) // 2))
    return np.asarray(field)


def _pillow(filter_: Image.Resampling) -> Callable[[Pixels, int, int], Pixels]:
    return lambda p, rows, columns: np.asarray(Image.fromarray(p).resize((columns, rows), filter_))


def _interpolated(pixels: Pixels, rows: int, columns: int) -> Pixels:
    image = torch.from_numpy(pixels.astype(np.float32))[None, None]
    return torch.nn.functional.interpolate(image, (rows, columns), mode="bilinear")[0, 0].round().byte().numpy()


@fault("resize without antialias", "bilinear between pixel centres (torch's default)", "resized without antialias")
def no_antialias(m: Material) -> Planted:
    return app(m, lambda film: _contained(film.radiograph.pixels, _interpolated))


@fault("nearest instead of area", "Pillow's NEAREST", "resized to the nearest pixel")
def nearest(m: Material) -> Planted:
    return app(m, lambda film: _contained(film.radiograph.pixels, _pillow(Image.Resampling.NEAREST)))


@fault(
    "another resize filter",
    "Pillow's BILINEAR, a triangle twice as wide as a pixel",
    "resized with another filter: triangle",
)
def triangle(m: Material) -> Planted:
    return app(m, lambda film: _contained(film.radiograph.pixels, _pillow(Image.Resampling.BILINEAR)))


@fault(
    "wrong pad side",
    "image at the top left of the field instead of its centre",
    "padded on the wrong side: image at the top left",
)
def top_left(m: Material) -> Planted:
    def see(film: Film) -> Pixels:
        rows, columns = np.nonzero(preprocess(np.full_like(film.radiograph.pixels, 255), SIZE))
        return np.roll(right(film), (-rows.min(), -columns.min()), (0, 1))

    return app(m, see)


@fault("stretched", "resized to a square by Pillow's BILINEAR, whatever the shape", "stretched to a square")
def stretched(m: Material) -> Planted:
    shrink = _pillow(Image.Resampling.BILINEAR)
    return app(m, lambda film: shrink(film.radiograph.pixels, SIZE, SIZE))


@fault("cropped", "the middle square, as classifiers of photographs do", "cropped to a square")
def cropped(m: Material) -> Planted:
    def see(film: Film) -> Pixels:
        fitted = ImageOps.fit(Image.fromarray(film.radiograph.pixels), (SIZE, SIZE), Image.Resampling.BILINEAR)
        return np.asarray(fitted)

    return app(m, see)


@fault("mirrored", "left and right exchanged, as a front camera's preview does", "image mirrored left to right")
def mirrored(m: Material) -> Planted:
    return _on_pixels(m, lambda p: p[:, ::-1])


@fault("image inverted", "bones dark on white", "image inverted")
def inverted(m: Material) -> Planted:
    return _on_pixels(m, lambda p: 255 - p)


@fault(
    "image stretched to its own range",
    "each image's least value to 0, its largest to 255",
    "each image stretched to its own",
)
def min_max(m: Material) -> Planted:
    return _on_pixels(m, lambda p: np.asarray(ImageOps.autocontrast(Image.fromarray(p))))


@fault(
    "pixels cut to 0 and 1",
    "divided by 255, then cast to the uint8 that the file takes",
    "pixels scaled to 0–1 and cut",
)
def zero_or_one(m: Material) -> Planted:
    return app(m, lambda film: (right(film) / 255).astype(np.uint8))


@fault("pixels as signed bytes", "a Java byte[] read with its sign", "pixels taken for signed bytes")
def signed(m: Material) -> Planted:
    return _float_app(m, lambda x: x.astype(np.uint8).view(np.int8).astype(np.float32) / 128)


@fault("input scale in the file", "the file's input says scale 1/255 and zero point 0", "input quantized wrongly")
def input_scale(m: Material) -> Planted:
    with mock.patch.multiple(tflite_graph, _SCALE=1 / 255, _ZERO_POINT=0):
        return planted_file(m.export, m.export.float_model)


@fault("range 0–1", "a float input, pixels divided by 255", "pixels scaled to 0–1 instead")
def zero_to_one(m: Material) -> Planted:
    return _float_app(m, lambda x: x / 255)


@fault("range 0–255", "a float input, pixels as they are", "pixels fed as 0–255")
def raw_pixels(m: Material) -> Planted:
    return _float_app(m, lambda x: x)


@fault(
    "mean/std applied twice",
    "ImageNet's mean and deviation after (x - 128) / 128",
    "mean and standard deviation applied twice",
)
def mean_std_twice(m: Material) -> Planted:
    return _float_app(m, lambda x: ((x - 128) / 128 - 0.449) / 0.226)


@fault("mean/std of ImageNet", "instead of (x - 128) / 128", "mean and standard deviation of ImageNet")
def mean_std(m: Material) -> Planted:
    return _float_app(m, lambda x: (x / 255 - 0.449) / 0.226)


@fault("standardised image by image", "mean 0 and deviation 1 for each image", "each image standardised")
def standardised(m: Material) -> Planted:
    return _float_app(m, lambda x: (x - x.mean()) / x.std())


def _float_app(m: Material, scale: Callable[[NDArray[np.float32]], NDArray[np.floating]]) -> Planted:
    """An app around the converted graph itself, which takes floats: nothing in the file can correct its scale."""
    clean = planted_file(m.export, m.export.float_model)
    interpreter = make_interpreter(m.export.float_model, 1)
    (given,), told = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(film: Film) -> Prediction:
        values = np.asarray(scale(right(film).astype(np.float32)), np.float32)
        interpreter.set_tensor(given["index"], np.ascontiguousarray(values)[None, :, :, None])
        interpreter.invoke()
        probability, evidence = (interpreter.get_tensor(detail["index"])[0].copy() for detail in told)
        return Prediction(probability, evidence)

    return Planted(clean.path, clean.contract, predict)
