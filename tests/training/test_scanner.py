"""Another scanner's look: monotone tone, less detail, fewer greys; and black stays black."""

from __future__ import annotations

import pytest
import torch

from edgefrac.training.scanner import change_tone, lose_depth, lose_detail

BATCH, SIDE = 16, 64


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ramps() -> torch.Tensor:
    """Every grey from 0 to 1, in order."""
    return torch.linspace(0, 1, SIDE * SIDE).view(1, 1, SIDE, SIDE).repeat(BATCH, 1, 1, 1)


def test_a_tone_curve_is_monotone_keeps_its_ends_and_is_each_images_own() -> None:
    out = change_tone(ramps(), 0.8, generator()).flatten(1)
    assert (out.diff(dim=1) >= 0).all()
    assert (out[:, 0] == 0).all() and torch.allclose(out[:, -1], torch.ones(BATCH))
    assert (out - ramps().flatten(1)).abs().amax(1).min() > 0.02 and out.std(0).max() > 0.05


def test_a_tone_curve_of_no_spread_is_the_image() -> None:
    torch.testing.assert_close(change_tone(ramps(), 0.0, generator()), ramps())


def test_detail_is_lost_by_a_random_share() -> None:
    stripes = (torch.arange(SIDE) % 2).float().expand(BATCH, 1, SIDE, SIDE)
    contrast = lose_detail(stripes, 0.6, generator()).std((1, 2, 3))
    assert contrast.max() < 0.51 and contrast.min() < 0.1
    smooth = torch.sin(torch.arange(SIDE) / 12).expand(BATCH, 1, SIDE, SIDE) / 2 + 0.5
    assert (lose_detail(smooth, 0.6, generator()) - smooth).abs().max() < 0.1
    assert not lose_detail(torch.zeros(BATCH, 1, SIDE, SIDE), 0.6, generator()).any()


@pytest.mark.parametrize("fewest", [3, 6])
def test_depth_is_between_the_fewest_bits_and_eight(fewest: int) -> None:
    greys = [len(image.unique()) for image in lose_depth(ramps(), fewest, generator())]
    assert set(greys) == {2**bits for bits in range(fewest, 9)}
