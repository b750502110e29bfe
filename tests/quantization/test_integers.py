"""Integer networks: exact arithmetic by its definition, and the checks that keep it so."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import floor

import numpy as np
import pytest
import torch

from edgefrac.errors import ConversionError
from edgefrac.models.layers import IMAGE, Addition, Convolution, LayerGraph, MaxPooling
from edgefrac.models.network import normalise
from edgefrac.quantization.exact_plan import ExactPlan, Grid
from edgefrac.quantization.grids import make_plan
from edgefrac.quantization.integers import IntegerConvolution, IntegerNetwork, to_integers
from tests.models.networks import phantoms
from tests.quantization.integer_networks import integer_network, layers_and_plan

PIXELS = Grid(exponent=-7, zero_point=0, step=1 / 128)
ONE = np.ones(1, np.float32)


def convolution(weight: np.ndarray, bias: list[float], **changes: object) -> Convolution:
    made = Convolution("conv000", IMAGE, weight.astype(np.float32), np.array(bias, np.float64), 1, 0, 1)
    return replace(made, **changes)  # type: ignore[arg-type]


def half_to_even(value: Fraction) -> int:
    below = floor(value)
    rest = value - below
    return below + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1))


def by_hand(network: IntegerNetwork, layer: IntegerConvolution, codes: np.ndarray) -> np.ndarray:
    """The definition, in Python's own whole numbers and fractions."""
    padding, kernel, groups = layer.padding, layer.weight.shape[-1], layer.groups
    zero_in, zero_out = network.grids[layer.source].zero_point, network.grids[layer.name].zero_point
    padded = np.pad(codes, ((0, 0), (padding, padding), (padding, padding)), constant_values=zero_in)
    side = (padded.shape[1] - kernel) // layer.stride + 1
    outputs, inputs = layer.weight.shape[:2]
    result = np.empty((outputs, side, side), np.int64)
    for o, y, x in np.ndindex(result.shape):
        first = o // (outputs // groups) * inputs
        top, left = y * layer.stride, x * layer.stride
        seen = padded[first : first + inputs, top : top + kernel, left : left + kernel]
        total = sum(int(w) * (int(v) - zero_in) for w, v in zip(layer.weight[o].flat, seen.flat, strict=True))
        scaled = Fraction((total + int(layer.bias[o])) * int(layer.factor[o]), 2**15)
        result[o, y, x] = min(127, max(-128, half_to_even(scaled) + zero_out))
    return result


def test_each_convolution_is_what_whole_numbers_give() -> None:
    network = integer_network("tiny")
    names = [layer.name for layer in network.layers]
    codes = network.run(phantoms(1, seed=9)[0], keep=[IMAGE, *names])
    checked = 0
    for layer in network.layers[-5:]:
        assert isinstance(layer, IntegerConvolution)
        assert np.array_equal(by_hand(network, layer, codes[layer.source]), codes[layer.name])
        checked += len(np.unique(codes[layer.name]))
    assert checked > 200, "a test on constants proves nothing"


def test_ties_go_to_even_and_codes_are_cut_off() -> None:
    layer = IntegerConvolution(
        "conv000", IMAGE, np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int32), np.array([2**14]), 1, 0, 1
    )
    grids = {IMAGE: PIXELS, "conv000": Grid(exponent=-6, zero_point=0, step=1 / 64)}
    network = IntegerNetwork((layer,), grids, ONE, ONE)
    image = np.array([[129, 131], [127, 125]], np.uint8)  # codes 1, 3, -1, -3, halved
    assert network.run(image)["conv000"].tolist() == [[[0, 2], [0, -2]]]
    wide = IntegerNetwork((replace(layer, factor=np.array([2**17])),), grids, ONE, ONE)
    assert wide.run(np.array([[255, 0]], np.uint8))["conv000"].tolist() == [[[127, -128]]]


def test_additions_and_poolings_of_codes() -> None:
    grids = {
        IMAGE: PIXELS,
        "conv000": Grid(exponent=-7, zero_point=0, step=1 / 128),
        "conv001": Grid(exponent=-7, zero_point=-128, step=1 / 128),
        "add002": Grid(exponent=-7, zero_point=-128, step=1 / 128),
        "pool003": Grid(exponent=-7, zero_point=-128, step=1 / 128),
    }
    same = IntegerConvolution(
        "conv000", IMAGE, np.ones((1, 1, 1, 1), np.int8), np.zeros(1, np.int32), np.array([2**15]), 1, 0, 1
    )
    rectified = replace(same, name="conv001", source="conv000")
    layers = (
        same,
        rectified,
        Addition("add002", ("conv000", "conv001"), "relu"),
        MaxPooling("pool003", "add002", 3, 2, 1),
    )
    codes = IntegerNetwork(layers, grids, ONE, ONE).run(
        np.array([[128 + 100, 128 - 50], [128 + 7, 128]], np.uint8), keep=["conv001", "add002"]
    )
    assert codes["conv001"].tolist() == [[[100 - 128, -128], [7 - 128, -128]]]
    assert codes["add002"].tolist() == [[[200 - 128, -128], [14 - 128, -128]]]
    assert codes["pool003"].tolist() == [[[200 - 128]]]


@pytest.mark.parametrize("name", ["tiny", "resnet18"])
def test_integers_follow_the_float_network(name: str) -> None:
    graph, plan = layers_and_plan(name)
    network = to_integers(graph, plan, ONE, ONE)
    for image in phantoms(3, seed=3):
        with torch.inference_mode():
            expected = graph.run(normalise(torch.from_numpy(image))[None, None])[graph.output][0].numpy()
        found = np.moveaxis(network.evidence(image), -1, 0)
        assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.95
        assert abs(found.mean() - expected.mean()) < 0.5


def test_files_state_scales_that_give_the_exact_factor() -> None:
    network = integer_network("tiny")
    for layer in network.layers:
        assert isinstance(layer, IntegerConvolution)
        source, result = (np.float32(network.grids[name].scale) for name in (layer.source, layer.name))
        stated = source * network.weight_scale(layer) / result
        assert stated.dtype == np.float32
        assert np.array_equal(stated.astype(np.float64) * 2**15, layer.factor)


def test_the_shift_is_taken_out_of_the_map() -> None:
    graph, plan = layers_and_plan("tiny")
    image = phantoms(1, seed=9)[0]
    before = to_integers(graph, plan, ONE, ONE).evidence(image).mean()
    after = to_integers(graph, plan.model_copy(update={"evidence_shift": (0.5,)}), ONE, ONE).evidence(image).mean()
    assert before - after == pytest.approx(0.5, abs=0.1)


def test_a_plan_of_another_network_is_refused() -> None:
    graph, plan = layers_and_plan("tiny")
    with pytest.raises(ConversionError, match="another network"):
        to_integers(LayerGraph(graph.layers[:-1]), plan, ONE, ONE)
    name = graph.layers[0].name
    short = plan.model_copy(update={"factors": {**plan.factors, name: plan.factors[name][:-1]}})
    with pytest.raises(ConversionError, match="another network"):
        to_integers(graph, short, ONE, ONE)


def test_a_bias_beyond_float32_takes_even_factors_or_is_refused() -> None:
    graph = LayerGraph((convolution(np.ones((2, 1, 1, 1)), [0.0, 900.0]),))
    plan = make_plan(graph, {"conv000": (-1.0, 1.0)}, "x", "y")
    assert plan.factors["conv000"][1] % 2**8 == 0
    to_integers(graph, plan, ONE, ONE)
    odd = plan.model_copy(update={"factors": {"conv000": (plan.factors["conv000"][0], 257)}})
    with pytest.raises(ConversionError, match="conv000: the bias of 1 channels"):
        to_integers(graph, odd, ONE, ONE)


def test_a_sum_beyond_int32_is_refused() -> None:
    graph = LayerGraph((convolution(np.full((1, 1, 1, 1), 1e-9), [40.0]),))
    plan = ExactPlan(
        architecture="x",
        source="y",
        grids={IMAGE: PIXELS, "conv000": Grid(exponent=0, zero_point=0, step=1.0)},
        factors={"conv000": (1,)},
        sources={"conv000": IMAGE},
    )
    tiny_step = plan.model_copy(update={"grids": {**plan.grids, "conv000": Grid(exponent=0, zero_point=0, step=1e-4)}})
    with pytest.raises(ConversionError, match="conv000: sums of this layer can leave int32"):
        to_integers(graph, tiny_step, ONE, ONE)
