"""Collimator and side marker: there in the wished share of images, at the border, and never over a fracture."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from edgefrac.training.exposure_field import _along, add_markers, collimate

BATCH, SIDE = 64, 96
GREY = torch.full((BATCH, 1, SIDE, SIDE), 0.5)
NOTHING = torch.zeros(BATCH, 1, SIDE // 4, SIDE // 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def marked() -> torch.Tensor:
    """A small fracture somewhere in each image, also in its corners."""
    masks = NOTHING.clone()
    for number in range(BATCH):
        row, column = (0, 0) if number == 0 else ((7 * number) % 22, (5 * number) % 22)
        masks[number, 0, row : row + 2, column : column + 2] = 1.0
    return masks


def test_blades_cover_the_borders_only() -> None:
    out = collimate(GREY, NOTHING, 1.0, generator())
    assert (out[:, 0, 1:-1, 1:-1] == 0).flatten(1).any(1).float().mean() > 0.95
    assert (out[:, :, SIDE // 4 : -SIDE // 4, SIDE // 4 : -SIDE // 4] == 0.5).all(), "the middle is covered"
    assert out.unique().min() == 0 and out.max() == 0.5


def test_blades_stand_at_right_angles() -> None:
    angle = torch.tensor([0.1, -0.3])
    across, down = (_along(angle, axis, SIDE) for axis in (0, 1))
    slopes = [torch.stack([m[:, 0, 1] - m[:, 0, 0], m[:, 1, 0] - m[:, 0, 0]], 1) for m in (across, down)]
    torch.testing.assert_close((slopes[0] * slopes[1]).sum(1), torch.zeros(2), atol=1e-6, rtol=0)
    assert (slopes[0].norm(dim=1) * SIDE / 2).tolist() == pytest.approx([1, 1], rel=1e-4)


def test_a_collimated_field_is_convex() -> None:
    """What lies between two open pixels of a row or a column is open."""
    open_ = collimate(GREY, NOTHING, 1.0, generator())[:, 0] == 0.5
    for lines in (open_, open_.transpose(1, 2)):
        edges = (lines[:, :, 1:] != lines[:, :, :-1]).sum(2)
        assert edges.max() <= 2


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_only_a_share_of_images_is_collimated(share: float) -> None:
    changed = (collimate(GREY, NOTHING, share, generator()) != GREY).flatten(1).any(1).float().mean()
    assert changed == pytest.approx(share, abs=0.15)


def test_no_blade_covers_a_fracture() -> None:
    masks = marked()
    out = collimate(GREY, masks, 1.0, generator())
    assert (out[functional.interpolate(masks, (SIDE, SIDE)) > 0] == 0.5).all()
    assert (out == 0).any(), "nothing was covered"


def test_markers_are_bright_small_and_near_the_border() -> None:
    drawn = add_markers(GREY, NOTHING, 1.0, generator()) != GREY
    pixels = drawn.sum((1, 2, 3))
    assert pixels.min() > 8 and pixels.max() < 0.05 * SIDE * SIDE
    assert not drawn[:, :, SIDE // 3 : -SIDE // 3, SIDE // 3 : -SIDE // 3].any()
    assert add_markers(GREY, NOTHING, 1.0, generator()).amax((1, 2, 3)).min() > 0.6
    assert len({tuple(d.flatten().nonzero().flatten().tolist()) for d in drawn}) == BATCH


def test_only_a_share_of_images_is_marked() -> None:
    changed = (add_markers(GREY, NOTHING, 0.3, generator()) != GREY).flatten(1).any(1).float().mean()
    assert changed == pytest.approx(0.3, abs=0.15)


def test_no_marker_covers_a_fracture_or_the_letterbox() -> None:
    everywhere = torch.ones_like(NOTHING)
    assert torch.equal(add_markers(GREY, everywhere, 1.0, generator()), GREY)
    masks = marked()
    out = add_markers(GREY, masks, 1.0, generator())
    assert (out[functional.interpolate(masks, (SIDE, SIDE)) > 0] == 0.5).all() and not torch.equal(out, GREY)
    assert not add_markers(torch.zeros_like(GREY), NOTHING, 1.0, generator()).any()
