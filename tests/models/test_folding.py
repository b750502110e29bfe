"""Folding changes no output; what is left are float16 numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgefrac.errors import ConversionError
from edgefrac.models.folding import fold, halve
from edgefrac.models.network import FractureNet, normalise
from tests.models.networks import phantoms, talkative


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return normalise(torch.from_numpy(phantoms(4, seed=9)))[:, None]


def test_folding_changes_no_output(images: torch.Tensor) -> None:
    network = talkative()
    with torch.inference_mode():
        before, _ = network(images)
    fold(network)
    with torch.inference_mode():
        after, _ = network(images)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            scale = module.weight / (module.running_var + module.eps).sqrt()
            torch.testing.assert_close(scale, torch.ones_like(scale), rtol=0, atol=1e-6)
            assert not module.running_mean.any()


def test_weights_are_float16_numbers_and_outputs_stay_close(images: torch.Tensor) -> None:
    network = talkative()
    with torch.inference_mode():
        before = torch.sigmoid(network(images)[0])
        after = torch.sigmoid(halve(fold(network))(images)[0])
    assert (after - before).abs().max() < 0.01
    for name, value in network.named_parameters():
        if name != "head.bias":
            assert torch.equal(value, value.half().float()), name


def test_a_bias_beyond_float16_is_kept() -> None:
    network = talkative()
    network.head.bias.data.fill_(1e6)
    assert float(halve(network).head.bias.detach()) == 1e6


def test_folding_twice_is_folding_once() -> None:
    network = halve(fold(talkative()))
    once = {name: value.clone() for name, value in network.state_dict().items()}
    twice = halve(fold(network)).state_dict()
    assert all(torch.equal(once[name], twice[name]) for name in once)


def test_a_network_that_cannot_be_folded_is_refused() -> None:
    network: FractureNet = talkative()
    between = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.Sigmoid(), nn.BatchNorm2d(1))
    between[2].running_var.fill_(0.1)
    network.features = nn.Sequential(between, network.features)
    with pytest.raises(ConversionError, match="batch normalisation does not follow its convolution"):
        fold(network)
