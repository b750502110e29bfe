"""Quantization-aware training: absent until switched on, on the int8 grid then, gone afterwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgefrac.models.network import FractureNet, normalise
from edgefrac.quantization import rounding
from edgefrac.training.quantization_aware import QuantizationAware, disagreement, round_kernels
from tests.models.networks import phantoms, talkative


@pytest.fixture
def network() -> FractureNet:
    return talkative()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return normalise(torch.from_numpy(phantoms(4, seed=6)))[:, None]


def on_grid(values: torch.Tensor, scale: torch.Tensor) -> bool:
    steps = values / scale
    return bool((steps - steps.round()).abs().max() < 1e-3)


def test_until_it_is_active_nothing_changes(network: FractureNet, images: torch.Tensor) -> None:
    with torch.no_grad():
        before = network(images)
        QuantizationAware(network)
        after = network(images)
        network.train()
        in_training = network(images)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    plain = talkative().train()
    with torch.no_grad():
        assert torch.equal(plain(images)[1], in_training[1])


def test_active_weights_lie_on_their_channels_grid(network: FractureNet) -> None:
    originals = [m.weight.detach().clone() for m in network.modules() if isinstance(m, nn.Conv2d)]
    aware = QuantizationAware(network)
    aware.active = True
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == len(originals) == 12
    for convolution, original in zip(convolutions, originals, strict=True):
        scale = original.abs().amax((1, 2, 3), keepdim=True) / 127
        weight = convolution.weight.detach()
        assert on_grid(weight, scale) and not torch.equal(weight, original)
        assert ((weight - original).abs() <= 1.001 * scale).all()


@pytest.mark.parametrize("shape", [(16, 24, 1, 1), (40, 1, 5, 5), (8, 1, 3, 3)])
def test_weights_are_rounded_as_the_export_rounds_them(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    flat = weight.flatten(1).numpy()
    scale = np.abs(flat).max(axis=1) / np.float32(127)
    exported = rounding.round_kernels(flat, scale)
    np.testing.assert_allclose(round_kernels(weight).flatten(1).numpy(), exported, atol=1e-6)
    assert (exported != np.round(flat / scale[:, None]) * scale[:, None]).any(), "as to the nearest"


def test_active_outputs_lie_on_the_grid_of_their_running_range(network: FractureNet, images: torch.Tensor) -> None:
    aware = QuantizationAware(network)
    aware.active = True
    outputs: dict[str, torch.Tensor] = {}
    edges = {"features_2": network.features[2], "head_conv": network.head.conv}
    for name, module in edges.items():
        module.register_forward_hook(lambda _m, _i, output, name=name: outputs.__setitem__(name, output.detach()))
    network.train()(images)
    assert len(aware.ranges) == 12
    for name, output in outputs.items():
        seen = aware.ranges[name]
        scale = (seen.high - seen.low) / 255
        assert on_grid(output, scale) and output.unique().numel() > 20
        assert output.min() >= seen.low - scale and output.max() <= seen.high + scale
    assert aware.ranges["features_2"].low == 0 and 0 < aware.ranges["features_2"].high <= 6


def test_running_ranges_move_slowly_and_only_in_training(network: FractureNet, images: torch.Tensor) -> None:
    aware = QuantizationAware(network)
    aware.active = True
    seen = aware.ranges["head_conv"]
    network.train()(images)
    first = seen.high.item()
    network.head.conv.parametrizations.weight.original.data *= 10
    network(images)
    assert first * 1.1 < seen.high.item() < first * 2
    settled = seen.high.item()
    aware.eval()
    network(images)
    assert seen.high.item() == settled


def test_a_frozen_stage_is_rounded_like_the_others(network: FractureNet, images: torch.Tensor) -> None:
    aware = QuantizationAware(network)
    aware.active = True
    outputs: list[torch.Tensor] = []
    network.features[2].register_forward_hook(lambda _m, _i, output: outputs.append(output))
    network.eval()(images)
    seen = aware.ranges["features_2"]
    assert seen.high > 0 and on_grid(outputs[0], (seen.high - seen.low) / 255)


def test_paused_it_rounds_nothing(network: FractureNet, images: torch.Tensor) -> None:
    with torch.no_grad():
        plain = network(images)[1]
        aware = QuantizationAware(network)
        aware.active = True
        with aware.paused():
            assert torch.equal(network(images)[1], plain)
        assert aware.active and not torch.equal(network(images)[1], plain)


def test_agreement_teaches_the_rounded_network_only() -> None:
    rounded = torch.tensor([[1.0], [3.0]], requires_grad=True)
    plain = torch.tensor([[2.0], [2.5]], requires_grad=True)
    loss = disagreement(rounded, plain)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.75 and plain.grad is None
    assert rounded.grad is not None and rounded.grad.flatten().tolist() == [-0.5, 0.5]


def test_gradients_pass_straight_through(network: FractureNet, images: torch.Tensor) -> None:
    aware = QuantizationAware(network)
    aware.active = True
    network.train()(images)[0].sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_removing_it_leaves_the_plain_network(network: FractureNet, images: torch.Tensor) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        expected = network(images)
        aware = QuantizationAware(network)
        aware.active = True
        aware.remove()
        after = network.state_dict()
        assert set(after) == set(before) and all(torch.equal(after[name], before[name]) for name in before)
        assert all(torch.equal(a, b) for a, b in zip(expected, network(images), strict=True))
        assert torch.equal(network.train()(images)[1], talkative().train()(images)[1]), "outputs are still rounded"
