"""The loss of an image's labels, and three ways to make up for classes that are rare.

Each channel answers yes or no, so all of it is per channel: logits and labels are (B, K). Which radiographs an epoch
shows is the sampler's part of the same problem (``training.sampling``).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from edgefrac.training.recipe import Imbalance


class LabelLoss(nn.Module):
    """Cross-entropy with class weights, focus (Lin et al. 2017, arXiv:1708.02002) and logit adjustment.

    Logit adjustment (Menon et al. 2021, arXiv:2007.07314) trains ``logit + tau · log-odds of the class in training``
    and predicts by the logit alone, which so learns what does not depend on how rare the class is. A channel has a bias
    that could learn the same by itself: where each answers for itself, this moves where training starts, no more.
    """

    offset: torch.Tensor

    def __init__(self, settings: Imbalance, positive_rate: torch.Tensor) -> None:
        """``positive_rate`` (K,): the share of positives among the images shown."""
        super().__init__()
        self.settings = settings
        rate = positive_rate.clamp(1e-3, 1 - 1e-3)
        self.register_buffer("offset", settings.logit_adjustment * torch.logit(rate), persistent=False)

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Losses (B, K) of logits and labels (B, K); labels lie in [0, 1], between them where images were mixed."""
        chosen = self.settings
        if chosen.logit_adjustment:
            logits = logits + self.offset
        weight = None if chosen.positive_weight == 1 else logits.new_tensor(chosen.positive_weight)
        losses = functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight, reduction="none")
        if chosen.focal_gamma:
            # for labels of 0 and 1 this is Lin's (1 - p_t)^gamma; for those between, Li et al. 2020 (arXiv:2006.04388)
            losses = losses * (torch.sigmoid(logits) - labels).abs() ** chosen.focal_gamma
        return losses
