"""Equalizing changes no output, and makes what a channel says survive the rounding of its tensor."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from edgefrac.models.channel_graph import trace
from edgefrac.models.equalization import equalize
from edgefrac.models.folding import fold
from edgefrac.models.network import FractureNet, normalise, with_scales
from tests.models.networks import phantoms, talkative


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return phantoms(6, seed=4)


def lite(spread: float) -> FractureNet:
    """Random EfficientNet-Lite0 whose channels differ by orders of magnitude, half of each ReLU6 below zero."""
    torch.manual_seed(2)
    network = FractureNet("efficientnet-lite0")
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            count = module.num_features
            module.weight.data = torch.exp(torch.randn(count, generator=generator) * spread)
            module.bias.data = torch.zeros(count)
    network.train()
    with torch.no_grad():
        for _ in range(40):
            network(normalise(torch.from_numpy(phantoms(8, seed=5)))[:, None])
    return fold(network.eval())


def outputs(network: FractureNet, images: np.ndarray) -> torch.Tensor:
    with torch.inference_mode():
        evidence: torch.Tensor = network(normalise(torch.from_numpy(images))[:, None])[1]
    return evidence


def pedestal(padding: int = 0) -> FractureNet:
    """A first channel between 4 and 5, read by a depthwise kernel of large weights that add up to little."""
    network = talkative()
    stem, reader = nn.Conv2d(1, 2, 1, bias=False), nn.Conv2d(2, 2, 3, padding=padding, groups=2, bias=False)
    stem.weight.data = torch.tensor([0.3, 4.0]).view(2, 1, 1, 1)
    reader.weight.data = torch.ones(2, 1, 3, 3)
    reader.weight.data[0] = torch.tensor([[0.0, 20.0, 0.0], [-40.0, 0.5, 0.0], [0.0, 20.0, 0.0]])
    norms = [nn.BatchNorm2d(2), nn.BatchNorm2d(2)]
    norms[0].bias.data = torch.tensor([4.5, 1.0])
    norms[1].bias.data = torch.tensor([0.75, -4.0])  # the middle of what the second ReLU6 lets through
    network.features = nn.Sequential(stem, norms[0], nn.ReLU6(), reader, norms[1], nn.ReLU6())
    network.head.conv = nn.Conv2d(2, 1, 1, bias=False)
    network.head.conv.weight.data.fill_(1.0)
    return fold(network.eval())


def test_scaling_alone_changes_no_output(images: np.ndarray) -> None:
    network = lite(spread=1.0)
    before = outputs(network, images)
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    assert equalize(network, images) == 16 + 7
    changed = [name for name, value in network.state_dict().items() if not torch.equal(value, weights[name])]
    assert len([name for name in changed if name.endswith("weight")]) > 40
    torch.testing.assert_close(outputs(network, images), before, rtol=1e-3, atol=1e-3 * float(before.abs().max()))


def test_a_second_scale_of_the_map_takes_part(images: np.ndarray) -> None:
    """Its 2×2 kernels read a bottleneck: they are scaled, and their bias takes up what it is shifted by."""
    network = with_scales(lite(spread=1.0), 2)
    assert network.head.earlier is not None
    nn.init.normal_(network.head.earlier.weight, std=0.05)
    before, kernels = outputs(network, images), network.head.earlier.weight.detach().clone()
    assert equalize(network, images) == 16 + 7
    assert not torch.equal(network.head.earlier.weight, kernels) and network.head.earlier.bias.abs().max() > 0
    torch.testing.assert_close(outputs(network, images), before, rtol=1e-3, atol=1e-3 * float(before.abs().max()))


def test_channels_fill_the_range_of_their_tensor(images: np.ndarray) -> None:
    network = lite(spread=1.0)
    stage = network.features.net.blocks[2]

    def reach() -> torch.Tensor:
        seen: list[torch.Tensor] = []
        handle = stage.register_forward_hook(lambda _m, _i, o: seen.append(o))
        outputs(network, images)
        handle.remove()
        low, high = seen[0].amin((0, 2, 3)), seen[0].amax((0, 2, 3))
        return (high - low) / (high - low).max()

    before = reach().median()
    equalize(network, images)
    assert before < 0.5 and reach().median() > 1.5 * before


def test_what_is_added_stays_in_the_range_too(images: np.ndarray) -> None:
    network = lite(spread=1.0)
    blocks = network.features.net.blocks[4]

    def reach(module: nn.Module) -> torch.Tensor:
        seen: list[torch.Tensor] = []
        handle = module.register_forward_hook(lambda _m, _i, o: seen.append(o))
        outputs(network, images)
        handle.remove()
        return seen[0].abs().max()

    before = max(reach(block.bn3) for block in blocks[1:])
    equalize(network, images)
    sums = max(reach(block) for block in blocks)
    assert max(reach(block.bn3) for block in blocks[1:]) <= 1.01 * max(before, sums)


def test_shifting_changes_no_output_where_nothing_is_padded(images: np.ndarray) -> None:
    network = pedestal()
    before = outputs(network, images)
    assert equalize(network, images) == 1
    assert float(network.features[1].bias.detach()[0]) < 4
    torch.testing.assert_close(outputs(network, images), before, rtol=1e-4, atol=1e-3)


def test_shifting_moves_borders_only(images: np.ndarray) -> None:
    network = pedestal(padding=1)
    before = outputs(network, images)
    equalize(network, images)
    after = outputs(network, images)
    torch.testing.assert_close(after[:, :, 1:-1, 1:-1], before[:, :, 1:-1, 1:-1], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("bias", [6.0, 8.0], ids=["cut at 6 in part", "always cut"])
def test_a_saturated_channel_is_cut_at_the_same_place(images: np.ndarray, bias: float) -> None:
    network = pedestal()
    network.features[0].weight.data[0] = 1.0
    network.features[1].bias.data[0] = bias
    before = outputs(network, images)
    equalize(network, images)
    torch.testing.assert_close(outputs(network, images), before, rtol=1e-4, atol=2e-3)


def test_rounding_hurts_less_afterwards(images: np.ndarray) -> None:
    def error(network: FractureNet) -> float:
        exact = outputs(network, images)
        handle = network.features[2].register_forward_hook(
            lambda _m, _i, o: torch.fake_quantize_per_tensor_affine(o, 6 / 255, 0, 0, 255)
        )
        rounded = outputs(network, images)
        handle.remove()
        return float((rounded - exact).square().mean().sqrt())

    network = pedestal()
    before = error(network)
    equalize(network, images)
    assert error(network) < before / 3


def test_a_dead_channel_is_left_alone(images: np.ndarray) -> None:
    network = pedestal()
    network.features[0].weight.data[0] = 0
    network.features[1].bias.data[0] = -1
    equalize(network, images)
    assert not network.features[0].weight.data[0].any() and float(network.features[1].bias.detach()[0]) == -1
    assert torch.isfinite(outputs(network, images)).all()


def test_other_readers_forbid_it(images: np.ndarray) -> None:
    class Twice(nn.Module):
        def __init__(self, inner: nn.Sequential) -> None:
            super().__init__()
            self.start, self.rest = inner[:3], inner[3:]

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            start = self.start(image)
            return torch.relu(self.rest(start)) + start[:, :, 1:-1, 1:-1]

    network = pedestal()
    network.features = Twice(network.features)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert equalize(network, images) == 0
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_two_depthwise_readers_forbid_it(images: np.ndarray) -> None:
    class Split(nn.Module):
        def __init__(self, inner: nn.Sequential) -> None:
            super().__init__()
            self.start, self.first = inner[:3], inner[3:]
            self.second = copy.deepcopy(inner[3:])

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            start = self.start(image)
            both: torch.Tensor = self.first(start) + self.second(start)
            return both

    network = pedestal()
    network.features = Split(network.features)
    before = outputs(network, images)
    assert equalize(network, images) == 0
    assert torch.equal(outputs(network, images), before)


class _Linear(nn.Module):
    """Two linear 1×1 convolutions, each read by a third; their sum is read too, or goes through a sigmoid as well."""

    def __init__(self, also_read: bool) -> None:
        super().__init__()
        self.also_read = also_read
        make = [nn.Sequential(nn.Conv2d(1 if n < 2 else 2, 2, 1, bias=False), nn.BatchNorm2d(2)) for n in range(4)]
        self.a, self.b, self.c, self.d = make
        for number, part in enumerate(make):
            torch.nn.init.normal_(part[0].weight, generator=torch.Generator().manual_seed(number))
            part[1].bias.data = torch.tensor([3.0, -0.5])

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        a = self.a(image)
        if self.also_read:
            return torch.relu(self.c(a)) * torch.sigmoid(a)
        b = self.b(image)
        return torch.relu(self.c(a)) + torch.relu(self.d(a + b)) + torch.relu(self.d(b))


@pytest.mark.parametrize("also_read", [True, False], ids=["read by a sigmoid", "two that others are added to"])
def test_linear_outputs_that_must_stay_as_they_are(images: np.ndarray, also_read: bool) -> None:
    network = pedestal()
    network.features = _Linear(also_read)
    fold(network.eval())
    before = outputs(network, images)
    equalize(network, images)
    torch.testing.assert_close(outputs(network, images), before, rtol=1e-4, atol=1e-3)


def test_a_network_that_cannot_be_traced_is_left_alone(images: np.ndarray) -> None:
    class Branching(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.repeat(1, 2, 1, 1) if image.sum() > 0 else -image.repeat(1, 2, 1, 1)

    network = pedestal()
    network.features = Branching()
    assert trace(network.features) is None
    assert equalize(network, images) == 0
