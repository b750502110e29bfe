"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) and MobileNetV3 (Howard et al. 2019, arXiv:1905.02244).

V2 has ReLU6 and no squeeze-and-excitation, and runs in int8 as one piece. V3 has hard-swish and squeeze-and-excitation:
both stay float32 in an int8 file, between conversions of each tensor, so expect it to be slower than float32; it is
here to be compared with. V3's layers behind its pooling are left out: the mean of the evidence map must be the logit.
"""

from __future__ import annotations

from torch import nn

from edgefrac.models.pretrained import load_from_hub, timm_network
from edgefrac.models.registry import Backbone, backbone


@backbone("mobilenetv2")
def mobilenetv2(pretrained: bool) -> Backbone:
    """2.2 M parameters, (B, 1, S, S) -> (B, 1280, S/32, S/32)."""
    net = timm_network("mobilenetv2_100")
    if pretrained:
        load_from_hub(net)
    features = nn.Sequential(nn.Sequential(net.conv_stem, net.bn1), *net.blocks, nn.Sequential(net.conv_head, net.bn2))
    return Backbone(features, channels=1280, stride=32, stages=tuple(features))


def _version3(size: str, channels: int, pretrained: bool) -> Backbone:
    net = timm_network(f"mobilenetv3_{size}_100")
    if pretrained:
        load_from_hub(net)
    features = nn.Sequential(nn.Sequential(net.conv_stem, net.bn1), *net.blocks)
    return Backbone(features, channels, stride=32, stages=tuple(features))


@backbone("mobilenetv3-small")
def mobilenetv3_small(pretrained: bool) -> Backbone:
    """0.9 M parameters, (B, 1, S, S) -> (B, 576, S/32, S/32)."""
    return _version3("small", 576, pretrained)


@backbone("mobilenetv3-large")
def mobilenetv3_large(pretrained: bool) -> Backbone:
    """3.0 M parameters, (B, 1, S, S) -> (B, 960, S/32, S/32)."""
    return _version3("large", 960, pretrained)
