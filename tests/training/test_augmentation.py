"""Image and mask move together, the letterbox stays black, the generator decides everything."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from edgefrac.training.augmentation import augment
from edgefrac.training.recipe import Augmentation, Stage

PACKED, SIZE = 128, 96
WARP_ONLY = Augmentation(gamma=0, contrast=0, blur=0, noise=0)
STILL = Augmentation(rotation_degrees=0, scale=0, shift=0, flip=False, gamma=0, contrast=0, blur=0, noise=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def squares(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A bright square on grey, at another place in each image, and its mask at a quarter of the scale."""
    images = torch.full((batch, 1, PACKED, PACKED), 60, dtype=torch.uint8)
    masks = torch.zeros((batch, 1, PACKED // 4, PACKED // 4), dtype=torch.uint8)
    for number in range(batch):
        row, column = 4 * (5 + 3 * number % 16), 4 * (4 + 5 * number % 19)
        images[number, 0, row : row + 20, column : column + 20] = 255
        masks[number, 0, row // 4 : row // 4 + 5, column // 4 : column // 4 + 5] = 255
    return images, masks


@pytest.mark.parametrize("view", [1.0, 0.5])
def test_mask_and_image_move_together(view: float) -> None:
    images, masks = squares(32)
    out, moved = augment(images, masks, Stage(epochs=1, size=SIZE, view=view), WARP_ONLY, generator())
    assert out.shape == (32, 1, SIZE, SIZE) and out.dtype == torch.uint8
    assert moved.shape == (32, 1, SIZE // 4, SIZE // 4) and moved.dtype == torch.float32
    bright = functional.avg_pool2d((out > 200).float(), 4)
    overlap = torch.minimum(bright, moved).sum((1, 2, 3)) / torch.maximum(bright, moved).sum((1, 2, 3))
    seen = bright.sum((1, 2, 3)) > 4
    assert seen.sum() >= 16
    assert overlap[seen].mean() > 0.75 and overlap[seen].min() > 0.45
    assert not torch.allclose(bright[0], bright[1]), "nothing moved"


def test_without_settings_nothing_changes_but_the_size() -> None:
    images, masks = squares(4)
    out, moved = augment(images, masks, Stage(epochs=1, size=PACKED), STILL, generator())
    assert (out.int() - images.int()).abs().max() <= 1
    torch.testing.assert_close(moved, masks.float() / 255, rtol=0, atol=1e-4)


def test_a_crop_shows_its_share_of_the_image() -> None:
    """The square is 20 of 128 pixels wide; at view 0.5 it fills 20/64 of the crop."""
    images, masks = squares(64)
    out, _ = augment(images, masks, Stage(epochs=1, size=SIZE, view=0.5), STILL, generator())
    widths = (out > 200).any(2).sum(2).max(1).values
    assert widths.max() == pytest.approx(20 / 64 * SIZE, abs=2)


def test_crops_of_fractures_show_them_more_often_than_chance() -> None:
    images, masks = squares(64)
    _, moved = augment(images, masks, Stage(epochs=1, size=SIZE, view=0.25), STILL, generator())
    # a random quarter-side crop would show a given square in about one case of ten
    assert (moved.amax((1, 2, 3)) > 0.5).float().mean() > 0.5


def test_the_generator_decides_everything() -> None:
    images, masks = squares(4)
    stage = Stage(epochs=1, size=SIZE, view=0.7)
    first = augment(images, masks, stage, Augmentation(), generator(3))
    torch.manual_seed(99)
    again = augment(images, masks, stage, Augmentation(), generator(3))
    other = augment(images, masks, stage, Augmentation(), generator(4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0]) and not torch.equal(first[1], other[1])


def test_the_letterbox_stays_black() -> None:
    """Half of the packed image is padding; no change of exposure may lift it."""
    images = torch.zeros((16, 1, PACKED, PACKED), dtype=torch.uint8)
    images[:, :, :, PACKED // 2 :] = 120
    masks = torch.zeros((16, 1, PACKED // 4, PACKED // 4), dtype=torch.uint8)
    exposure = STILL.model_copy(update={"gamma": 0.4, "contrast": 0.25, "blur": 1.2, "noise": 0.05})
    out, _ = augment(images, masks, Stage(epochs=1, size=PACKED), exposure, generator())
    blur = 4  # pixels that a blur may reach into the padding
    assert not out[:, :, :, : PACKED // 2 - blur].any()
    assert out[:, :, :, PACKED // 2 + blur :].float().std() > 5, "exposure did not change"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("gamma", 0.4),
        ("contrast", 0.25),
        ("noise", 0.05),
        ("blur", 1.2),
        ("rotation_degrees", 20),
        ("collimation", 1.0),
        ("markers", 1.0),
        ("tone", 0.5),
        ("resolution", 0.8),
        ("bits", 3),
    ],
)
def test_each_setting_does_something(setting: str, value: float) -> None:
    images, masks = squares(4)
    out, _ = augment(
        images, masks, Stage(epochs=1, size=PACKED), STILL.model_copy(update={setting: value}), generator()
    )
    assert (out.int() - images.int()).abs().max() > 5


def test_what_is_off_draws_nothing() -> None:
    """So recipes without the newer changes see what they always saw; the value is that of the state before them."""
    images, masks = squares(4)
    out, moved = augment(images, masks, Stage(epochs=1, size=SIZE, view=0.7), Augmentation(), generator(3))
    assert (out.long().sum().item(), moved.sum().item()) == pytest.approx((2265655, 118.6), rel=2e-4)


def test_every_change_at_once_keeps_the_letterbox_black() -> None:
    images = torch.zeros((16, 1, PACKED, PACKED), dtype=torch.uint8)
    images[:, :, :, PACKED // 2 :] = 120
    masks = torch.zeros((16, 1, PACKED // 4, PACKED // 4), dtype=torch.uint8)
    new = {"collimation": 1.0, "markers": 1.0, "tone": 0.6, "bits": 4, "noise": 0.05}
    out, _ = augment(images, masks, Stage(epochs=1, size=PACKED), STILL.model_copy(update=new), generator())
    assert not out[:, :, :, : PACKED // 2 - 1].any() and out.any()
