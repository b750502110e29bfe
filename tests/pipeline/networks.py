"""Foreign networks, as a user would bring them."""

from __future__ import annotations

import torch
from torch import nn


def pooled() -> nn.Module:
    """Two convolutions, global average pooling and a linear layer for two classes: has an exact evidence map."""
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1),
        nn.ReLU6(),
        nn.Conv2d(8, 16, 3, 2, 1),
        nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 2),
    )


def hard_swish() -> nn.Module:
    """As ``pooled``, with an activation that no int8 kernel computes."""
    network = pooled()
    network[3] = nn.Hardswish()
    return network


def uneven() -> nn.Module:
    """As ``pooled``, with one value whose channels differ a hundredfold: too much for one grid."""
    network = pooled()
    network[1], network[3] = nn.ReLU(), nn.ReLU()
    with torch.no_grad():
        network[0].weight[0] *= 200
        network[0].bias[0] *= 200
        network[2].weight[:, 0] /= 200
    return network


def coloured() -> nn.Module:
    """As ``pooled``, for three channels, with a residual block and ImageNet's way of writing a network."""
    torch.manual_seed(4)

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
            self.block = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8))
            self.relu = nn.ReLU(inplace=True)
            self.dropout = nn.Dropout(0.2)
            self.classifier = nn.Linear(8, 1)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            found = self.stem(image)
            found = self.relu(self.block(found) + found)
            return self.classifier(self.dropout(found.mean([2, 3])))

    return Residual()
