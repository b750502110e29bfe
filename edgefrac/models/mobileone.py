"""MobileOne-S0 (Vasu et al. 2023, arXiv:2206.04040): branches while it trains, one convolution each when deployed.

A block adds up to four 3×3 or 1×1 convolutions, a scaling and the identity, each with its batch normalisation. All are
linear, so they add up to one convolution, which ``folding.fold`` puts in their place; the network is then
``mobileone-s0-folded``, the architecture of every released checkpoint. It has ReLU and no squeeze-and-excitation.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from edgefrac.models.folding import merge_branches
from edgefrac.models.pretrained import refuse_pretrained, timm_network
from edgefrac.models.registry import Backbone, backbone

_FOLDED = "mobileone-s0-folded"


class _EverySecondPixel(nn.Conv2d):
    """A 1×1 convolution of stride 2 as one of stride 1 on every second pixel.

    On a CPU, torch 2.13 writes out of bounds in the weight gradient of the first, for one channel in channels-last
    layout and images of 256 px: training crashed.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Float32 (B, C, h, w) -> (B, O, h/2, w/2)."""
        return functional.conv2d(input[:, :, ::2, ::2], self.weight)


def _build(name: str, pretrained: bool, folded: str = "") -> Backbone:
    if pretrained:
        refuse_pretrained(name, "its ImageNet weights have a licence of their own (Apple's), so they are not fetched")
    net = timm_network("mobileone_s0")
    given = net.stem.conv_scale.conv
    net.stem.conv_scale.conv = _EverySecondPixel(1, given.out_channels, 1, stride=2, bias=False)
    net.stem.conv_scale.conv.weight = given.weight
    features = nn.Sequential(net.stem, *net.stages)
    return Backbone(features, channels=1024, stride=32, stages=tuple(features), folded=folded)


@backbone("mobileone-s0")
def mobileone_s0(pretrained: bool) -> Backbone:
    """4.3 M parameters in training, (B, 1, S, S) -> (B, 1024, S/32, S/32)."""
    return _build("mobileone-s0", pretrained, folded=_FOLDED)


@backbone(_FOLDED)
def mobileone_s0_folded(pretrained: bool) -> Backbone:
    """1.1 M parameters, (B, 1, S, S) -> (B, 1024, S/32, S/32)."""
    built = _build(_FOLDED, pretrained)
    merge_branches(built.features)
    return built
