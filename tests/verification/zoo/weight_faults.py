"""Faults of weights and of the integers they become."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace
from unittest import mock

import numpy as np
from ai_edge_quantizer import qtyping, recipe_manager
from numpy.typing import NDArray

from edgefrac.models.folding import fold
from edgefrac.progress import silent
from edgefrac.quantization.plan import Plan
from edgefrac.targets import tflite
from edgefrac.targets.tflite_quantize import calibrate, quantize
from edgefrac.verification.diagnosis import FileFacts, smoothness
from tests.models.networks import SIZE
from tests.verification.zoo.fault import Planted, fault, finished, planted_file
from tests.verification.zoo.graphs import convolution, edited, with_weights_of
from tests.verification.zoo.material import Material

_EVIDENCE = ":CONV_2D:4x4x2"


@fault("stale checkpoint", "the graph holds the weights after two thirds of the training", "stale checkpoint")
def stale(m: Material) -> Planted:
    return planted_file(m.export, edited(m.export.float_model, with_weights_of(m.trained.stale)))


@fault(
    "batch normalisation folded wrongly", "one layer folded without its running variance", "batch normalisation folded"
)
def batch_norm(m: Material) -> Planted:
    network = copy.deepcopy(m.trained.unfolded)
    norms = [module for module in network.modules() if hasattr(module, "running_var")]
    norms[4].running_var.fill_(1.0)
    return planted_file(m.export, edited(m.export.float_model, with_weights_of(fold(network))))


@fault("biases dropped", "the first convolution has no bias", "biases lost")
def biases_dropped(m: Material) -> Planted:
    return planted_file(m.export, edited(m.export.float_model, convolution(0, np.zeros_like, bias=True)))


@fault("channel lost", "one channel of the sixth convolution is zero", "weights lost")
def channel_lost(m: Material) -> Planted:
    def zero(weight: NDArray[np.float32]) -> NDArray[np.float32]:
        changed = weight.copy()
        changed[int(np.abs(weight).reshape(len(weight), -1).sum(1).argmax())] = 0
        return changed

    return planted_file(m.export, edited(m.export.float_model, convolution(5, zero)))


@fault(
    "channels permuted",
    "the channels of the third convolution in reverse order",
    "channels of a layer in another order",
)
def channels_permuted(m: Material) -> Planted:
    return planted_file(m.export, edited(m.export.float_model, convolution(2, lambda w: w[::-1])))


def _int8(m: Material, plan: Plan, facts: FileFacts | None = None) -> Planted:
    known = FileFacts(float32_passed=True, **(facts or {}))
    return finished(
        m.export, tflite.write(m.export.float_model, m.export.contract("int8"), plan), m.export.contract("int8"), known
    )


def _calibrated(m: Material, images: NDArray[np.uint8], source: str) -> Planted:
    facts = FileFacts(
        calibration_source=source,
        calibration_smoothness=smoothness(images),
        calibration_images=len({image.tobytes() for image in images}),
    )
    return _int8(m, calibrate(m.export.float_model, images, silent), facts)


@fault(
    "calibrated on noise",
    "ranges from 24 images of uniform noise",
    "activation ranges do not fit radiographs: calibration on noise",
)
def on_noise(m: Material) -> Planted:
    noise = np.random.default_rng(0).integers(0, 256, (24, SIZE, SIZE), dtype=np.uint8)
    return _calibrated(m, noise, "noise")


@fault(
    "calibrated on one image",
    "ranges from one radiograph, given 24 times",
    "activation ranges do not fit radiographs: calibration on one image",
)
def on_one_image(m: Material) -> Planted:
    return _calibrated(m, np.repeat(m.calibration[:1], 24, axis=0), "one image")


@fault(
    "calibrated on foreign images",
    "ranges from 24 bright, smooth images that are no radiographs",
    "activation ranges do not fit radiographs: calibration on foreign images",
)
def on_foreign_images(m: Material) -> Planted:
    rng, steps = np.random.default_rng(0), np.linspace(0, 1, SIZE)
    slopes = rng.uniform(-40, 40, (24, 2, 1, 1))
    images = 200 + slopes[:, 0] * steps[:, None] + slopes[:, 1] * steps
    return _calibrated(m, images.astype(np.uint8), "photographs of the sky")


@fault(
    "evidence saturates",
    "the range of the evidence map is a fifth of what it should be",
    "activation ranges do not fit radiographs: that of CONV_2D",
)
def saturated(m: Material) -> Planted:
    ranges = {k: (v[0] / 5, v[1] / 5) if k.endswith(_EVIDENCE) else v for k, v in m.export.plan.ranges.items()}
    return _int8(m, replace(m.export.plan, ranges=ranges))


@fault("weights per tensor", "the quantizer is told to use one scale for each layer", "weights quantized per tensor")
def per_tensor(m: Material) -> Planted:
    real = recipe_manager.RecipeManager.add_static_config
    coarse = functools.partialmethod(real, weight_granularity=qtyping.QuantGranularity.TENSORWISE)
    with mock.patch.object(recipe_manager.RecipeManager, "add_static_config", coarse):
        graph = quantize(m.export.float_model, m.export.plan)
    return planted_file(m.export, graph, "int8", FileFacts(float32_passed=True))


@fault("float file named int8", "a float32 graph under a contract that says int8", "the file is silently float")
def silently_float(m: Material) -> Planted:
    return planted_file(m.export, m.export.float_model, "int8")
