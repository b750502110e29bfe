"""MixUp and CutMix: image, mask and label are mixed by the same share, decided by the generator alone."""

from __future__ import annotations

import pytest
import torch

from edgefrac.training.mixing import mix
from edgefrac.training.recipe import Augmentation

BATCH, SIDE = 8, 64
MIXUP, CUTMIX = Augmentation(mixup=1.0), Augmentation(cutmix=1.0)


def batch() -> dict[str, torch.Tensor]:
    """Image n has grey 10 (n + 1) all over, and its mask 0.1 (n + 1); the first half is fractured."""
    level = torch.arange(1, BATCH + 1)
    return {
        "image": (10 * level).view(-1, 1, 1, 1).expand(BATCH, 1, SIDE, SIDE).to(torch.uint8),
        "mask": (0.1 * level).view(-1, 1, 1, 1).expand(BATCH, 1, SIDE // 4, SIDE // 4).clone(),
        "label": (level <= BATCH // 2).float(),
        "known": (level != 3).float(),
    }


def mixed(settings: Augmentation, seed: int = 0) -> dict[str, torch.Tensor]:
    return mix(batch(), settings, torch.Generator().manual_seed(seed))


def test_mixup_mixes_image_mask_and_label_alike() -> None:
    shares = []
    for seed in range(5):
        out = mix({**batch(), "label": torch.eye(BATCH)}, MIXUP, torch.Generator().manual_seed(seed))
        level = out["label"] @ torch.arange(1.0, BATCH + 1)  # each image's weights of the originals, times their levels
        assert out["image"].dtype == torch.uint8
        torch.testing.assert_close(out["image"].float().mean((1, 2, 3)), 10 * level, atol=0.51, rtol=0)
        torch.testing.assert_close(out["mask"].mean((1, 2, 3)), 0.1 * level)
        shares.append(out["label"].diagonal().min().item())
    assert any(0.05 < share < 0.95 for share in shares) and len(set(shares)) == 5


def test_cutmix_pastes_image_and_mask_and_weighs_labels_by_area() -> None:
    for seed in range(10):
        out = mixed(CUTMIX, seed)
        for number in range(BATCH):
            own = out["image"][number, 0] == 10 * (number + 1)
            greys = out["image"][number].unique().tolist()
            share = own.float().mean().item()
            other = next((g // 10 - 1 for g in greys if g != 10 * (number + 1)), number)
            labels = batch()["label"]
            wanted = share * labels[number] + (1 - share) * labels[other]
            assert len(greys) <= 2 and out["label"][number].item() == pytest.approx(wanted.item(), abs=1e-6)
            torch.testing.assert_close(out["mask"][number, 0], out["image"][number, 0, ::4, ::4].float() / 100)


def test_a_mixture_is_known_where_both_are() -> None:
    out = mixed(MIXUP)
    assert (out["known"] == 0).sum() == 2
    assert out["known"][2] == 0


def test_with_both_each_batch_draws_one() -> None:
    both = Augmentation(mixup=1.0, cutmix=1.0)
    cut = [len(mixed(both, seed)["image"][0].unique()) == 2 for seed in range(20)]
    assert any(cut) and not all(cut)


def test_the_generator_decides_everything_and_nothing_is_changed_in_place() -> None:
    given = batch()
    for settings in (MIXUP, CUTMIX):
        first, again, other = mixed(settings, 1), mixed(settings, 1), mixed(settings, 2)
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["label"], other["label"])
        mix(given, settings, torch.Generator().manual_seed(1))
    assert all(torch.equal(value, batch()[name]) for name, value in given.items())


def test_labels_of_several_channels() -> None:
    given = {**batch(), "label": torch.eye(BATCH)}
    out = mix(given, MIXUP, torch.Generator().manual_seed(0))
    torch.testing.assert_close(out["label"].sum(1), torch.ones(BATCH))
