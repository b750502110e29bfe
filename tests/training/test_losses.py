"""The evidence loss against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from edgefrac.training.losses import EvidenceLoss, pointing_loss
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


def test_pointing_by_hand() -> None:
    """A mask on the whole of one cell and half of another: that one counts by half."""
    logits = torch.tensor([[[[2.0, 1.0], [0.0, 3.0]]]])
    masks = torch.zeros(1, 1, 4, 4)
    masks[0, 0, :2, :2] = 1
    masks[0, 0, :2, 2] = 1
    total = sum(math.exp(value) for value in (2, 1, 0, 3))
    wanted = -math.log((math.exp(2) + 0.5 * math.exp(1)) / total)
    assert pointing_loss(logits, masks).item() == pytest.approx(wanted, rel=1e-6)


def test_a_fracture_smaller_than_a_cell_counts_as_a_whole_one() -> None:
    logits, masks = torch.tensor([[[[9.0, -9.0], [-9.0, -9.0]]]]), torch.zeros(1, 1, 64, 64)
    masks[0, 0, 3, 5] = 1
    assert pointing_loss(logits, masks).item() == pytest.approx(0, abs=1e-6)
    assert pointing_loss(logits.flip(3), masks).item() == pytest.approx(18, abs=1e-3)


def test_pointing_counts_fractures_in_view_alone() -> None:
    torch.manual_seed(0)
    evidence, masks = torch.randn(3, 1, 2, 2), torch.zeros(3, 1, 8, 8)
    masks[1, 0, 2:4, 3:6] = 1
    plain, pointing = EvidenceLoss(Evidence()), EvidenceLoss(Evidence(pointing=2.0))
    known = torch.tensor([[1.0], [1.0], [0.0]])
    scaled = evidence * math.exp(-1.5) - 3.0
    added = pointing(evidence, masks, known) - plain(evidence, masks, known)
    torch.testing.assert_close(added, 2.0 * pointing_loss(scaled, masks)[1, 0])
