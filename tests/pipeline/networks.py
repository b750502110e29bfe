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
