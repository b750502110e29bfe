"""Losses: the image's label, and the fracture boxes as supervision of the evidence map."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class EvidenceLoss(nn.Module):
    """Weighted binary cross-entropy per cell of the evidence map.

    Evidence is a log-odds contribution under a mean, so one cell of a small fracture must be large (about h·w times
    its share of the logit) before the image counts as fractured. A learned scale and offset translate contributions
    into a cell's own log-odds; they exist in training only.
    """

    positive_weight: torch.Tensor

    def __init__(self, positive_weight: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-1.5))
        self.offset = nn.Parameter(torch.tensor(-3.0))
        self.register_buffer("positive_weight", torch.tensor(positive_weight))

    def forward(self, evidence: torch.Tensor, masks: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Mean over cells and over the images and channels whose masks are ``known`` (B, L), 1 or 0.

        ``evidence`` is (B, L, h, w); ``masks`` (B, L, H, W) in [0, 1], pooled to cells by their maximum.
        """
        targets = functional.adaptive_max_pool2d(masks, evidence.shape[-2:])
        logits = evidence * self.log_scale.exp() + self.offset
        cells = functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=self.positive_weight, reduction="none"
        )
        return (cells.mean((2, 3)) * known).sum() / known.sum().clamp(min=1)
