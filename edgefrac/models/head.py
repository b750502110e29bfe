"""The evidence-map head: the explanation is the computation.

A 1×1 convolution turns backbone features into K maps of log-odds; the mean over the map, plus a bias, is the logit.
Because convolution and mean commute this is the class activation map of Zhou et al. 2016 (arXiv:1512.04150), and
equals Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) before its ReLU, up to scale.

A head may be finer than its features: for each cell of those the convolution then gives r×r values, which are laid out
side by side (depth to space). Their mean is the logit all the same, and they cost r² - 1 channels of a 1×1 convolution.
It may also add up two scales: a 2×2 convolution of stride 2 reads earlier features, of half the stride, so that the r×r
values of a cell can differ by what is seen at their resolution. The sum of two maps is a map: its mean is the logit.
"""

from __future__ import annotations

import torch
from torch import nn


class EvidenceHead(nn.Module):
    """Evidence (B, K, rh, rw) of features (B, C, h, w); logits (B, K) are its mean over rh×rw, plus ``bias``.

    With ``earlier`` channels E it reads features (B, E, 2h, 2w), too; at first it makes nothing of them.
    """

    def __init__(self, channels: int, outputs: int, refinement: int = 1, earlier: int = 0) -> None:
        super().__init__()
        self.refinement = refinement
        self.conv = nn.Conv2d(channels, outputs * refinement**2, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.normal_(self.conv.weight, std=0.01)
        self.earlier = nn.Conv2d(earlier, outputs * refinement**2, 2, stride=2) if earlier else None
        for parameter in self.earlier.parameters() if self.earlier is not None else ():
            nn.init.zeros_(parameter)

    def forward(self, features: torch.Tensor, earlier: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.readout(self.cells(features, earlier))

    def cells(self, features: torch.Tensor, earlier: torch.Tensor | None = None) -> torch.Tensor:
        """The map before its cells are laid out: (B, r·r·K, h, w)."""
        cells: torch.Tensor = self.conv(features)
        return cells if self.earlier is None else self.earlier(earlier) + cells

    def readout(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and evidence."""
        evidence = depth_to_space(cells, self.refinement)
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
