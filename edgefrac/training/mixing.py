"""MixUp (Zhang et al. 2018, arXiv:1710.09412) and CutMix (Yun et al. 2019, arXiv:1905.04899), masks mixed alike."""

from __future__ import annotations

import math

import numpy as np
import torch

from edgefrac.training.recipe import Augmentation

_MASK_SCALE = 4


def mix(batch: dict[str, torch.Tensor], settings: Augmentation, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """An augmented batch, each image mixed with another; labels become shares of both.

    ``image`` uint8 (B, 1, S, S), ``mask`` (B, 1, S / 4, S / 4), ``label`` (B, K), ``known`` (B,): the mask of
    a mixture is known where both are. One share for the whole batch, as in both papers.
    """
    # torch draws no beta distribution from a generator
    draw = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    cut = settings.cutmix > 0 and (settings.mixup == 0 or draw.random() < 0.5)
    alpha = settings.cutmix if cut else settings.mixup
    share = float(draw.beta(alpha, alpha))
    partner = torch.randperm(len(batch["label"]), generator=generator).to(batch["label"].device)
    image, mask = batch["image"], batch["mask"]
    if cut:
        rows, columns, share = _box(image.shape[-1], share, draw)
        image, mask = image.clone(), mask.clone()
        image[:, :, rows, columns] = batch["image"][partner][:, :, rows, columns]
        small = tuple(slice(s.start // _MASK_SCALE, s.stop // _MASK_SCALE) for s in (rows, columns))
        mask[:, :, *small] = batch["mask"][partner][:, :, *small]
    else:
        image = (share * image + (1 - share) * image[partner]).round().to(torch.uint8)
        mask = share * mask + (1 - share) * mask[partner]
    label = share * batch["label"] + (1 - share) * batch["label"][partner]
    return {**batch, "image": image, "mask": mask, "label": label, "known": batch["known"] * batch["known"][partner]}


def _box(side: int, share: float, draw: np.random.Generator) -> tuple[slice, slice, float]:
    """Where another image is pasted, on the mask's grid, and the share of the first image that is left."""
    half = side * math.sqrt(1 - share) / 2
    spans = []
    for centre in draw.uniform(0, side, 2):
        edges = (max(0.0, centre - half), min(float(side), centre + half))
        start, stop = (round(edge / _MASK_SCALE) * _MASK_SCALE for edge in edges)
        spans.append(slice(start, stop))
    rows, columns = spans
    return rows, columns, 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / side**2
