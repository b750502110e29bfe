"""ResNet-18 and ResNet-50 (He et al. 2016, arXiv:1512.03385), as teachers.

Stride 32, like the students: a teacher's evidence map then lies on theirs cell for cell.
"""

from __future__ import annotations

from torch import nn

from edgefrac.models.pretrained import load_from_hub, timm_network
from edgefrac.models.registry import Backbone, backbone


def _build(depth: int, channels: int, pretrained: bool) -> Backbone:
    net = timm_network(f"resnet{depth}")
    if pretrained:
        load_from_hub(net)
    # behind a ReLU zeros pad like the minus infinity of a pooling's own padding, and int8 can hold them
    pool = nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(3, 2))
    stem = nn.Sequential(net.conv1, net.bn1, net.act1, pool)
    features = nn.Sequential(stem, net.layer1, net.layer2, net.layer3, net.layer4)
    return Backbone(features, channels, stride=32, stages=tuple(features))


@backbone("resnet18")
def resnet18(pretrained: bool) -> Backbone:
    """11.2 M parameters, (B, 1, S, S) -> (B, 512, S/32, S/32)."""
    return _build(18, 512, pretrained)


@backbone("resnet50")
def resnet50(pretrained: bool) -> Backbone:
    """23.5 M parameters, (B, 1, S, S) -> (B, 2048, S/32, S/32)."""
    return _build(50, 2048, pretrained)
