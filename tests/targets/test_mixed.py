"""Mixed precision: layers of a plan that compute in float32, in every format."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from edgefrac.models.layers import Addition, Convolution, MaxPooling
from edgefrac.quantization.integers import IntegerNetwork, to_integers
from edgefrac.targets.tflite_graph import operator_name, read_graph
from edgefrac.targets.tflite_integers import integer_graph
from tests.models.networks import phantoms
from tests.quantization.integer_networks import integer_network, layers_and_plan
from tests.targets.test_integers import RUNTIMES, SIZE


@pytest.fixture(scope="module", params=[("mobilenetv2", 4), ("resnet18", 3), ("mobilenetv2", 1000)])
def network(request: pytest.FixtureRequest) -> IntegerNetwork:
    return integer_network(request.param[0], SIZE, every=request.param[1])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runtimes_give_what_the_reference_gives(network: IntegerNetwork, runtime: str) -> None:
    """But for values right between two codes, which float32 rounds either way; most images have one somewhere."""
    answer, scale = RUNTIMES[runtime](network, 1), network.grids[network.output].scale
    images = phantoms(12, seed=9, size=SIZE)
    wanted = np.stack([network.evidence(image) for image in images])
    found = np.stack([answer(image)[1][0] for image in images])
    assert np.corrcoef(wanted.ravel(), found.ravel())[0, 1] > 0.99
    assert np.sum(np.abs(found - wanted).max(axis=(1, 2, 3)) < 0.5 * scale) >= 3


def test_only_the_named_layers_are_in_float32(network: IntegerNetwork) -> None:
    model = read_graph(integer_graph(network, SIZE))
    graph = model.subgraphs[0]
    in_float = Counter(operator_name(model, o) for o in graph.operators if graph.tensors[o.outputs[0]].type == 0)
    kept = Counter(type(layer) for layer in network.layers if layer.name in network.floats)
    assert kept[Convolution] == in_float["CONV_2D"] + in_float["DEPTHWISE_CONV_2D"] > 0
    assert kept[Addition] == in_float["ADD"] - 1 and kept[MaxPooling] == in_float["MAX_POOL_2D"]  # one ADD is the bias


def test_all_in_float32_is_the_float32_network() -> None:
    graph, plan = layers_and_plan("resnet18", SIZE)
    plan = plan.model_copy(update={"floats": tuple(layer.name for layer in graph.layers)})
    one = np.ones(1, np.float32)
    network = to_integers(graph, plan, one, 0 * one)
    assert {Convolution, Addition, MaxPooling} == {type(layer) for layer in network.layers}
    for image in phantoms(2, seed=9, size=SIZE):
        pixels = torch.from_numpy((image.astype(np.float32) - 128) / 128)[None, None]
        wanted = graph.run(pixels)[graph.output][0].numpy()
        found = np.moveaxis(network.evidence(image), -1, 0)
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())
