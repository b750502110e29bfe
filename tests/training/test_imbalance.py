"""The label loss: as plain cross-entropy by default, and against published formulas with each remedy."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from edgefrac.training.imbalance import LabelLoss
from edgefrac.training.recipe import Imbalance

LOGITS = torch.tensor([[1.5, -2.0], [-0.3, 0.7], [2.2, -1.1], [0.0, 3.0]], dtype=torch.float64)
LABELS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
RATE = torch.tensor([0.25, 0.1], dtype=torch.float64)


def loss(**settings: float) -> torch.Tensor:
    losses = LabelLoss(Imbalance(**settings), RATE)(LOGITS, LABELS)
    assert losses.shape == LOGITS.shape
    return losses.mean()


def test_by_default_it_is_cross_entropy_to_the_bit() -> None:
    assert torch.equal(loss(), functional.binary_cross_entropy_with_logits(LOGITS, LABELS))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"positive_weight": 3.0}, 0.854925131583917),
        # torchvision.ops.sigmoid_focal_loss without alpha
        ({"focal_gamma": 2.0}, 0.3889780186883576),
        # cross-entropy of two-class softmax over (0, z) + tau · log prior
        ({"logit_adjustment": 1.5}, 0.596876626671309),
    ],
)
def test_reference_values(settings: dict[str, float], expected: float) -> None:
    assert loss(**settings).item() == pytest.approx(expected, abs=1e-6)


def test_the_focus_of_a_mixed_label_is_its_distance_from_the_probability() -> None:
    focal = LabelLoss(Imbalance(focal_gamma=2.0), torch.tensor([0.5]))
    met = focal(torch.logit(torch.tensor([[0.3]])), torch.tensor([[0.3]]))
    assert met.item() == pytest.approx(0, abs=1e-9)


def test_a_class_that_is_never_shown_gives_no_infinity() -> None:
    losses = LabelLoss(Imbalance(logit_adjustment=1.0), torch.tensor([0.0]))(torch.zeros(2, 1), torch.zeros(2, 1))
    assert torch.isfinite(losses).all()
