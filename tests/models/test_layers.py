"""A network as layers computes what the network computes, or says what it cannot express."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgefrac.errors import ConversionError
from edgefrac.models.folding import fold
from edgefrac.models.layers import Addition, Convolution, MaxPooling, layers_of
from edgefrac.models.network import FractureNet, normalise
from edgefrac.models.torchvision_shim import install
from tests.models.networks import lively, phantoms


def evidence_of(network: FractureNet) -> nn.Module:
    return nn.Sequential(network.features, network.head.conv).eval()


@pytest.mark.parametrize("name", ["tiny", "micro", "efficientnet-lite0", "mobilenetv2", "mobileone-s0", "resnet18"])
def test_layers_compute_what_the_network_computes(name: str) -> None:
    images = phantoms(4, seed=3)
    network = fold(lively(name, images))
    batch = normalise(torch.from_numpy(images))[:, None]
    graph = layers_of(evidence_of(network))
    with torch.inference_mode():
        found = graph.run(batch)
        _, expected = network(batch)
    assert list(found) == ["image", *(layer.name for layer in graph.layers)]
    assert float(expected.std()) > 0.3
    torch.testing.assert_close(found[graph.output], expected, atol=1e-4, rtol=1e-4)


def test_vgg_and_resnet_pool_and_add() -> None:
    kinds = {type(layer) for layer in layers_of(evidence_of(FractureNet("resnet18"))).layers}
    assert kinds == {Convolution, Addition, MaxPooling}
    pools = [layer for layer in layers_of(evidence_of(FractureNet("vgg16"))).layers if isinstance(layer, MaxPooling)]
    assert [(p.kernel, p.stride, p.padding) for p in pools] == [(2, 2, 0)] * 4


def test_a_resnet_pads_before_its_pooling() -> None:
    (pool,) = (p for p in layers_of(evidence_of(FractureNet("resnet18"))).layers if isinstance(p, MaxPooling))
    assert (pool.kernel, pool.stride, pool.padding) == (3, 2, 1)


def test_folded_weights_stay_as_they_are() -> None:
    network = fold(lively("tiny", phantoms(4, seed=3)))
    kernels = [m.weight.detach().numpy() for m in network.modules() if isinstance(m, nn.Conv2d)]
    for layer, kernel in zip(layers_of(evidence_of(network)).convolutions(), kernels, strict=True):
        assert np.array_equal(layer.weight, kernel)


@pytest.mark.parametrize(
    ("network", "cause"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Hardswish()), "Hardswish"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2)), "dilation"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=(1, 0))), "padding"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2)), "AvgPool2d"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2)), "maximum pooling"),  # of values below zero
        (nn.Sequential(nn.BatchNorm2d(1), nn.Conv2d(1, 2, 3)), "right behind"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.BatchNorm2d(2)), "follow its convolution"),
    ],
)
def test_what_has_no_integer_layer_is_named(network: nn.Module, cause: str) -> None:
    with pytest.raises(ConversionError, match=cause):
        layers_of(network.eval())


@pytest.mark.parametrize(("kernel", "stride", "groups"), [(3, 2, 1), (5, 2, 4), (7, 2, 1), (1, 2, 1), (3, 1, 2)])
def test_tensorflows_padding_is_padding_alike_with_a_wider_kernel(kernel: int, stride: int, groups: int) -> None:
    install()
    from timm.layers import Conv2dSame

    torch.manual_seed(3)
    network = nn.Sequential(nn.Conv2d(1, 4, 1), Conv2dSame(4, 8, kernel, stride, groups=groups)).eval()
    graph, image = layers_of(network), torch.randn(2, 1, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(graph.run(image)[graph.output], network(image), atol=1e-5, rtol=1e-5)


def test_a_convolution_that_computes_more_is_not_taken_for_a_plain_one() -> None:
    install()
    from timm.layers import StdConv2d  # weights are standardised when it runs

    with pytest.raises(ConversionError, match=r"StdConv2d.* computes more than a convolution"):
        layers_of(nn.Sequential(nn.Conv2d(1, 4, 1), StdConv2d(4, 4, 3, padding=1)).eval())


def test_a_value_read_before_and_after_its_activation() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.relu = nn.Conv2d(1, 2, 3), nn.ReLU()

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            raw = self.convolution(image)
            return self.relu(raw) + raw

    with pytest.raises(ConversionError, match="before and after"):
        layers_of(Both().eval())


def test_control_flow_is_no_list_of_layers() -> None:
    class Branching(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image if image.sum() > 0 else -image

    with pytest.raises(ConversionError, match="control flow"):
        layers_of(Branching().eval())
