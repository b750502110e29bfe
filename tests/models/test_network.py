"""The head's explanation is its computation; names of backbones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgefrac.errors import UsageError
from edgefrac.models import registry
from edgefrac.models.inference import infer
from edgefrac.models.network import FRACTURE, FractureNet, normalise, with_scales
from edgefrac.progress import silent
from tests.models.networks import REGION, SIZE, phantoms, talkative


@pytest.fixture(scope="module")
def network() -> FractureNet:
    return talkative((FRACTURE, REGION))


def test_evidence_adds_up_to_the_logit(network: FractureNet) -> None:
    logits, evidence = infer(network, phantoms(6, seed=3), silent, batch_size=4)
    assert logits.shape == (6, 4) and evidence.shape == (6, 4, 4, 4)
    assert np.abs(logits).max() > 0.5, "a test on zeros proves nothing"
    sums = evidence.mean((1, 2)) + network.head.bias.detach().numpy()
    np.testing.assert_allclose(sums, logits, atol=1e-5)


@pytest.mark.parametrize("channel", [0, 2])
def test_evidence_is_grad_cam_before_its_relu(network: FractureNet, channel: int) -> None:
    """Selvaraju et al. 2017: features weighted by the spatial mean of the logit's gradient."""
    image = normalise(torch.from_numpy(phantoms(2, seed=5)))[:, None]
    features = network.features(image).detach().requires_grad_()
    logits, evidence = network.head(features)
    gradient = torch.autograd.grad(logits[:, channel].sum(), features)[0]
    cam = (gradient.mean((2, 3), keepdim=True) * features).sum(1)
    for ours, theirs in zip(evidence[:, channel], cam, strict=True):
        pair = torch.stack([ours.flatten(), theirs.flatten()]).detach()
        assert torch.corrcoef(pair)[0, 1] >= 0.9999


def test_pixels_are_normalised_exactly() -> None:
    pixels = torch.arange(256, dtype=torch.uint8)
    expected = [(x - 128) / 128 for x in range(256)]
    assert normalise(pixels).tolist() == expected


@pytest.mark.parametrize("size", [SIZE, 96])
def test_stride_is_what_the_backbone_says(network: FractureNet, size: int) -> None:
    with torch.inference_mode():
        _, evidence = network(torch.zeros(1, 1, size, size))
    assert evidence.shape[2:] == (size // network.stride, size // network.stride)


def test_an_unknown_backbone_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown backbone 'efficientnet_lite0'") as caught:
        registry.create("efficientnet_lite0", pretrained=False)
    assert caught.value.hint == "did you mean 'efficientnet-lite0'?"


def test_a_backbone_unlike_any_other_lists_them_all() -> None:
    with pytest.raises(UsageError) as caught:
        registry.create("qwzx", pretrained=False)
    assert all(name in caught.value.hint for name in registry.available())


@pytest.mark.parametrize("name", registry.available())
def test_a_second_scale_adds_nothing_at_first_and_to_the_logit_later(name: str) -> None:
    torch.manual_seed(0)
    network = FractureNet(name, (FRACTURE,))
    assert all(module.training for module in FractureNet(name, scales=2).modules()), "left in another mode"
    network.eval()
    image = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        before = network(image)
        added = with_scales(network, 2)
        torch.testing.assert_close(added(image), before)
        assert added.head.earlier is not None
        torch.nn.init.normal_(added.head.earlier.weight, std=0.1)
        logits, evidence = added(image)
    assert not torch.allclose(evidence, before[1])
    torch.testing.assert_close(evidence.mean((2, 3)) + added.head.bias, logits)
    with pytest.raises(UsageError, match="adds up 2 scales cannot do with 1"):
        with_scales(added, 1)


def test_each_finer_cell_sees_what_lies_under_it() -> None:
    """The earlier features of one quarter of a cell reach its own value alone, where the kernel reads nothing else."""
    network = FractureNet("tiny", refinement=2, scales=2).eval()
    head = network.head
    assert head.earlier is not None
    with torch.no_grad():
        head.conv.weight.zero_()
        for place in range(4):
            head.earlier.weight[place, 0, place // 2, place % 2] = 1
        earlier = torch.randn(1, head.earlier.in_channels, 6, 6)
        _, evidence = head(torch.zeros(1, head.conv.in_channels, 3, 3), earlier)
    torch.testing.assert_close(evidence[0, 0], earlier[0, 0])
