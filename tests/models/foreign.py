"""Networks as strangers bring them, with random weights; ``tests.models.foreign:NAME`` finds each."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from edgefrac.models import torchvision_shim


def _lively(network: nn.Module) -> nn.Module:
    """Random weights of a seed, with a last layer whose logits are not all nought."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear):
                module.weight.normal_(std=0.5)
                module.bias.normal_()
    return network


def _timm(name: str, **options: Any) -> nn.Module:
    torchvision_shim.install()
    import timm

    torch.manual_seed(3)
    return _lively(timm.create_model(name, pretrained=False, **options))


def _torchvision(name: str, **options: Any) -> nn.Module:
    torchvision_shim.install()
    import torchvision

    torch.manual_seed(3)
    return _lively(getattr(torchvision.models, name)(weights=None, **options))


def resnet18() -> nn.Module:
    return _torchvision("resnet18", num_classes=2)


def mobilenetv2() -> nn.Module:
    return _timm("mobilenetv2_050", num_classes=1, in_chans=1)


def mobilenetv3() -> nn.Module:
    return _torchvision("mobilenet_v3_small", num_classes=2)


def mobilenetv3_timm() -> nn.Module:
    return _timm("mobilenetv3_small_050", num_classes=1)


class _Small(nn.Module):
    def __init__(self, inputs: int, head: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(inputs, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 12, 3, 4, 1))
        self.act = nn.ReLU()
        self.head = head

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.act(self.body(image)))
        return logits


def _small(inputs: int, *head: nn.Module) -> nn.Module:
    torch.manual_seed(4)
    return _lively(_Small(inputs, nn.Sequential(*head)))


def _pooled() -> tuple[nn.Module, nn.Module]:
    return nn.AdaptiveAvgPool2d(1), nn.Flatten()


def pooled_grey_one() -> nn.Module:
    return _small(1, *_pooled(), nn.Linear(12, 1))


def pooled_rgb_two() -> nn.Module:
    return _small(3, *_pooled(), nn.Dropout(), nn.Linear(12, 2))


class _Branched(nn.Module):
    """Two convolutions beside each other, as RepVGG trains them; ``reparameterize`` makes them one."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(8, 12, 3, 4, 1) for _ in range(2))
        self.factor = factor
        self.merged: nn.Conv2d | None = None

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if self.merged is not None:
            return self.merged(image)  # type: ignore[no-any-return]
        return self.first(image) + self.second(image)  # type: ignore[no-any-return]

    def reparameterize(self) -> None:
        self.merged = nn.Conv2d(8, 12, 3, 4, 1)
        with torch.no_grad():
            self.merged.weight.copy_(self.factor * self.first.weight + self.second.weight)
            self.merged.bias.copy_(self.first.bias + self.second.bias)  # type: ignore[union-attr, operator]
        del self.first, self.second


def _branched(factor: float) -> nn.Module:
    torch.manual_seed(4)
    layers = (nn.Conv2d(1, 8, 3, 4, 1), nn.ReLU(), _Branched(factor), nn.ReLU(), *_pooled(), nn.Linear(12, 1))
    return _lively(nn.Sequential(*layers))


def branched() -> nn.Module:
    return _branched(1.0)


def branched_wrongly() -> nn.Module:
    """Its ``reparameterize`` makes another network of it."""
    return _branched(1.1)


def fully_connected() -> nn.Module:
    """As in VGG: the order of the cells matters."""
    return _small(3, nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.Linear(108, 16), nn.ReLU(), nn.Linear(16, 2))


def fixed_size() -> nn.Module:
    """Works at 64 px and at no other size."""
    return _small(1, nn.Flatten(), nn.Linear(12 * 16, 1))


def normed_after_pooling() -> nn.Module:
    return _small(1, *_pooled(), nn.LayerNorm(12), nn.Linear(12, 1))


def max_pooled() -> nn.Module:
    return _small(1, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(12, 1))


def sigmoid_inside() -> nn.Module:
    return _small(1, *_pooled(), nn.Linear(12, 1), nn.Sigmoid())


def no_linear_layer() -> nn.Module:
    torch.manual_seed(5)
    return _small(1, nn.Conv2d(12, 1, 1), *_pooled())


def three_classes() -> nn.Module:
    return _small(1, *_pooled(), nn.Linear(12, 3))


def five_channels() -> nn.Module:
    return _small(5, *_pooled(), nn.Linear(12, 1))


def a_map() -> nn.Module:
    return _small(1)


def fails() -> nn.Module:
    return _small(1, nn.Flatten(), nn.Linear(7, 1))


def not_a_network() -> dict[str, int]:
    return {"weights": 1}


def needs_an_argument(width: int) -> nn.Module:
    raise AssertionError(width)


def raises() -> nn.Module:
    raise RuntimeError("the weights are at the office")


not_callable = 3
