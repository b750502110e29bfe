"""The look of another scanner: its tone curve, its detail, its depth of grey.

Images are float32 (B, 1, S, S) in [0, 1]. Black stays black in all of it, and with it the letterbox.
"""

from __future__ import annotations

import torch
from torch.nn import functional

_SEGMENTS = 8


def change_tone(images: torch.Tensor, spread: float, generator: torch.Generator) -> torch.Tensor:
    """A random monotone curve from 0 to 1 for each image, of straight pieces whose log-slopes vary by ``spread``."""
    batch = len(images)
    slopes = torch.exp(spread * torch.randn(batch, _SEGMENTS, generator=generator))
    knots = functional.pad(slopes.cumsum(1) / slopes.sum(1, keepdim=True), (1, 0)).to(images.device)
    place = images.clamp(0, 1).view(batch, -1) * _SEGMENTS
    left = place.long().clamp(max=_SEGMENTS - 1)
    start, end = knots.gather(1, left), knots.gather(1, left + 1)
    return (start + (end - start) * (place - left)).view_as(images)


def lose_detail(images: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Scale each image down by a random factor, losing up to ``share`` of its resolution, and up again."""
    side = images.shape[-1]
    kept = 1 - share * torch.rand(len(images), generator=generator)
    changed = []
    for image, factor in zip(images, kept.tolist(), strict=True):
        small = functional.interpolate(image[None], (max(1, round(side * factor)),) * 2, mode="area")
        changed.append(functional.interpolate(small, (side, side), mode="bilinear", align_corners=False))
    return torch.cat(changed)


def lose_depth(images: torch.Tensor, fewest_bits: int, generator: torch.Generator) -> torch.Tensor:
    """Round each image to a random number of bits, from ``fewest_bits`` to 8."""
    bits = torch.randint(fewest_bits, 9, (len(images), 1, 1, 1), generator=generator).to(images.device)
    levels = 2.0**bits - 1
    return (images * levels).round() / levels
