"""Losses: the image's label, and the fracture boxes as supervision of the evidence map."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from edgefrac.training.recipe import Evidence

_LEAST = 1e-12


class EvidenceLoss(nn.Module):
    """Weighted binary cross-entropy per cell of the evidence map.

    Evidence is a log-odds contribution under a mean, so one cell of a small fracture must be large (about h·w times
    its share of the logit) before the image counts as fractured. A learned scale and offset translate contributions
    into a cell's own log-odds; they exist in training only.
    """

    positive_weight: torch.Tensor

    def __init__(self, settings: Evidence) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(-1.5))
        self.offset = nn.Parameter(torch.tensor(-3.0))
        self.register_buffer("positive_weight", torch.tensor(settings.positive_weight))
        self.pointing = settings.pointing

    def forward(self, evidence: torch.Tensor, masks: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Mean over cells and over the images and channels whose masks are ``known`` (B, L), 1 or 0.

        ``evidence`` is (B, L, h, w); ``masks`` (B, L, H, W) in [0, 1], pooled to cells by their maximum. Added to it is
        ``pointing`` times the mean of ``pointing_loss`` over those with a fracture in view.
        """
        targets = functional.adaptive_max_pool2d(masks, evidence.shape[-2:])
        logits = evidence * self.log_scale.exp() + self.offset
        cells = functional.binary_cross_entropy_with_logits(
            logits, targets, pos_weight=self.positive_weight, reduction="none"
        )
        loss = (cells.mean((2, 3)) * known).sum() / known.sum().clamp(min=1)
        if not self.pointing:
            return loss
        shown = known * (masks.amax((2, 3)) > 0)
        missed = (pointing_loss(logits, masks) * shown).sum() / shown.sum().clamp(min=1)
        return loss + self.pointing * missed


def pointing_loss(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """How far a map (B, L, h, w) is from pointing at the mask (B, L, H, W): (B, L), undefined where a mask is empty.

    Cells compete by their softmax, and the loss is minus the logarithm of what falls on the mask. A cell counts by the
    share that the mask covers of it, relative to the cell that it covers most: the pointing game (Zhang et al. 2016,
    arXiv:1608.00507), made differentiable.
    """
    covered = functional.adaptive_avg_pool2d(masks, (logits.shape[-2], logits.shape[-1])).flatten(2)
    covered = covered / covered.amax(2, keepdim=True).clamp(min=_LEAST)
    pointed = functional.log_softmax(logits.flatten(2), 2)
    return -torch.logsumexp(pointed + covered.clamp(min=_LEAST).log(), 2)
