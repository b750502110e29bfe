"""The evidence-map head: the explanation is the computation.

A 1×1 convolution turns backbone features into K maps of log-odds; the mean over the map, plus a bias, is the logit.
Because convolution and mean commute this is the class activation map of Zhou et al. 2016 (arXiv:1512.04150), and
equals Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) before its ReLU, up to scale.

A head may be finer than its features: for each cell of those the convolution then gives r×r values, which are laid out
side by side (depth to space). Their mean is the logit all the same, and they cost r² - 1 channels of a 1×1 convolution.
"""

from __future__ import annotations

import torch
from torch import nn


class EvidenceHead(nn.Module):
    """(B, C, h, w) -> evidence (B, K, rh, rw) and logits (B, K) = mean over rh×rw of the evidence, plus ``bias``."""

    def __init__(self, channels: int, outputs: int, refinement: int = 1) -> None:
        super().__init__()
        self.refinement = refinement
        self.conv = nn.Conv2d(channels, outputs * refinement**2, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.conv.weight, std=0.01)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        evidence = depth_to_space(self.conv(features), self.refinement)
        return evidence.mean((2, 3)) + self.bias, evidence


def depth_to_space(maps: torch.Tensor, factor: int) -> torch.Tensor:
    """(B, r·r·K, h, w) -> (B, K, rh, rw); channel (i·r + j)·K + k goes to row i, column j of each cell.

    That is the order of TFLite's DEPTH_TO_SPACE, and of ONNX's in its mode DCR.
    """
    if factor == 1:
        return maps
    batch, channels, height, width = maps.shape
    apart = maps.reshape(batch, factor, factor, channels // factor**2, height, width)
    return apart.permute(0, 3, 4, 1, 5, 2).reshape(batch, -1, factor * height, factor * width)
