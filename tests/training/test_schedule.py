"""Learning rate: the shape of torch's own one-cycle, and a second, lower cycle for int8."""

from __future__ import annotations

import pytest
import torch

from edgefrac.training.schedule import cycles, one_cycle


def test_one_cycle_is_that_of_torch() -> None:
    total = 200
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1.0, total_steps=total, cycle_momentum=False)
    for step in range(total):
        # torch counts its phases in whole steps
        assert one_cycle(step / (total - 1)) == pytest.approx(theirs.get_last_lr()[0], abs=0.02)
        optimiser.step()
        theirs.step()


def test_int8_gets_a_cycle_of_its_own() -> None:
    share = cycles(100, 50, 0.2)
    float_part, int8_part = [share(step) for step in range(100)], [share(step) for step in range(100, 150)]
    assert max(float_part) == pytest.approx(1.0) and float_part[-1] < 0.01
    assert max(int8_part) == pytest.approx(0.2) and int8_part[0] < 0.01 and int8_part[-1] < 0.01
    assert share(200) < 1e-4


@pytest.mark.parametrize(("float_steps", "int8_steps"), [(10, 0), (0, 10)])
def test_one_part_alone(float_steps: int, int8_steps: int) -> None:
    share = cycles(float_steps, int8_steps, 0.5)
    peak = max(share(step) for step in range(10))
    assert peak == pytest.approx(1.0 if float_steps else 0.5, rel=0.05)
