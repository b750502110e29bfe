"""The evidence loss against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from edgefrac.training.losses import EvidenceLoss
from edgefrac.training.recipe import Evidence


def log_odds(evidence: float) -> float:
    """A cell's own log-odds at the loss's initial scale and offset."""
    return evidence * math.exp(-1.5) - 3.0


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_the_value_by_hand() -> None:
    evidence = torch.tensor([[[[10.0, 0.0], [-4.0, 20.0]]]])
    masks = torch.zeros(1, 1, 4, 4)
    masks[0, 0, 0, 1] = 1.0  # one pixel of four marks the whole upper left cell
    loss = EvidenceLoss(Evidence())(evidence, masks, torch.ones(1, 1))
    marked = 8.0 * softplus(-log_odds(10.0))
    plain = softplus(log_odds(0.0)) + softplus(log_odds(-4.0)) + softplus(log_odds(20.0))
    assert loss.item() == pytest.approx((marked + plain) / 4, rel=1e-6)


def test_images_without_known_masks_do_not_count() -> None:
    torch.manual_seed(0)
    evidence, masks = torch.randn(3, 1, 2, 2), (torch.rand(3, 1, 8, 8) > 0.9).float()
    loss = EvidenceLoss(Evidence())
    both = loss(evidence, masks, torch.tensor([[1.0], [0.0], [1.0]]))
    torch.testing.assert_close(both, loss(evidence[[0, 2]], masks[[0, 2]], torch.ones(2, 1)))
    assert both != loss(evidence, masks, torch.ones(3, 1))


def test_a_batch_with_no_known_mask_costs_nothing_and_is_no_nan() -> None:
    loss = EvidenceLoss(Evidence())(
        torch.randn(2, 1, 2, 2, requires_grad=True), torch.ones(2, 1, 8, 8), torch.zeros(2, 1)
    )
    assert loss.item() == 0.0
    loss.backward()


def test_scale_and_offset_learn() -> None:
    loss = EvidenceLoss(Evidence())
    loss(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 8, 8), torch.ones(1, 1)).backward()
    assert loss.offset.grad is not None and loss.offset.grad < 0
    assert loss.log_scale.grad is not None and loss.log_scale.grad < 0


def test_channels_are_known_each_by_itself() -> None:
    torch.manual_seed(0)
    evidence, masks = torch.randn(2, 3, 2, 2), (torch.rand(2, 3, 8, 8) > 0.9).float()
    loss, known = EvidenceLoss(Evidence()), torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
    each = [loss(evidence[[b]][:, [k]], masks[[b]][:, [k]], torch.ones(1, 1)) for b, k in known.nonzero().tolist()]
    torch.testing.assert_close(loss(evidence, masks, known), torch.stack(each).mean())
