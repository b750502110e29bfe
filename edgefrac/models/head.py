"""The evidence-map head: the explanation is the computation.

A 1×1 convolution turns backbone features into K maps of log-odds; the mean over the map, plus a bias, is the logit.
Because convolution and mean commute this is the class activation map of Zhou et al. 2016 (arXiv:1512.04150), and
equals Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) before its ReLU, up to scale.
"""

from __future__ import annotations

import torch
from torch import nn


class EvidenceHead(nn.Module):
    """(B, C, h, w) -> evidence (B, K, h, w) and logits (B, K) = mean over h×w of the evidence, plus ``bias``."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.conv.weight, std=0.01)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        evidence: torch.Tensor = self.conv(features)
        return evidence.mean((2, 3)) + self.bias, evidence
