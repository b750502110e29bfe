"""Learning rate: the shape of torch's own one-cycle."""

from __future__ import annotations

import pytest
import torch

from edgefrac.training.schedule import one_cycle


def test_one_cycle_is_that_of_torch() -> None:
    total = 200
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.0, total_steps=total, cycle_momentum=False)
    for step in range(total):
        # torch counts its phases in whole steps
        assert one_cycle(step / (total - 1)) == pytest.approx(theirs.get_last_lr()[0], abs=0.02)
        optimiser.step()
        theirs.step()


def test_it_stays_low_after_the_end() -> None:
    assert one_cycle(1.0) == one_cycle(1.3) < 1e-4
