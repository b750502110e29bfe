"""A backbone for NPUs of microcontrollers: 3×3, depthwise and 1×1 convolutions with ReLU6, and nothing else.

A MobileNet (Howard et al. 2017, arXiv:1704.04861) made narrow. Without branches no tensor is kept for
later; stride 16, because a stride of 32 would leave a map of 6×6 cells of the 192 px that fit such a chip's memory.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from edgefrac.models.pretrained import refuse_pretrained
from edgefrac.models.registry import Backbone, backbone
from edgefrac.models.tiny import separable

_WIDTHS = ((16, 32, 32), (32, 64, 64, 64), (64, 128, 128, 128, 192, 192, 192, 192, 192, 192))


@backbone("micro")
def micro(pretrained: bool) -> Backbone:
    """0.28 M parameters, (B, 1, S, S) -> (B, 192, S/16, S/16); nobody has trained it on ImageNet."""
    if pretrained:
        refuse_pretrained("micro", "there are no ImageNet weights of it")
    stem = nn.Sequential(nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
    features = nn.Sequential(stem, *[_stage(widths) for widths in _WIDTHS])
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
    return Backbone(features, channels=192, stride=16, stages=tuple(features))


def _stage(widths: tuple[int, ...]) -> nn.Sequential:
    """Halves the map in its first block."""
    pairs = enumerate(pairwise(widths))
    return nn.Sequential(*[separable(*pair, stride=1 if number else 2) for number, pair in pairs])
