"""A network of 20 thousand parameters for trying a recipe, and for tests: seconds instead of hours."""

from __future__ import annotations

import torch
from torch import nn

from edgefrac.models.registry import Backbone, backbone


def separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Depthwise, then 1×1 convolution, each normalised and with ReLU6 (Howard et al. 2017, arXiv:1704.04861)."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(),
    )


@backbone("tiny")
def tiny(pretrained: bool) -> Backbone:
    """Depthwise-separable, stride 16, 64 channels; has no pretrained weights."""
    del pretrained
    stem = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
    features = nn.Sequential(
        *stem,
        separable(16, 32, 2),
        separable(32, 48, 2),
        separable(48, 64, 2),
        separable(64, 64, 1),
        separable(64, 64, 1),
    )
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return Backbone(features, channels=64, stride=16, stages=(features[:3], *list(features)[3:]))
