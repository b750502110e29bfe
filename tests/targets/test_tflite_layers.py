"""Weights, biases and ranges read back from files of every precision are those that went in."""

from __future__ import annotations

import numpy as np
import pytest

from edgefrac.targets.layers import paired
from edgefrac.targets.tflite_layers import layers
from tests.targets.conftest import Exported


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_layers_are_read_back(exported: Exported, precision: str) -> None:
    network = layers(exported.float_model)
    pairs = paired(layers(exported.files[precision].read_bytes()), network)
    assert len(pairs) == 12
    for file, own in pairs:
        # the plan rounds the errors of neighbouring weights against each other
        assert (np.abs(file.weight - own.weight) <= 2 * file.step[:, None] + 1e-6).all()
        assert file.scales == (len(file.weight) if precision == "int8" else 0)
        assert (file.output is not None) == (precision == "int8")
    hidden = pairs[0][0]
    if hidden.output:
        assert hidden.output == pytest.approx((0.0, 6.0), abs=0.03)


def test_weights_are_those_of_the_network(exported: Exported) -> None:
    first = next(p for p in exported.exportable.module.parameters() if p.ndim == 4).detach().numpy()
    np.testing.assert_allclose(layers(exported.float_model)[0].weight, first.reshape(len(first), -1), atol=1e-6)


def test_other_networks_do_not_correspond(exported: Exported) -> None:
    network = layers(exported.float_model)
    assert paired(network[1:], network) == ()
