"""Augmentation on whole batches: one affine warp for image and fracture mask, then what is in the beam and the scanner.

Works on packed uint8 images larger than the network input, so a batch costs one ``grid_sample``.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from edgefrac.training.exposure_field import add_markers, collimate
from edgefrac.training.mixing import mix
from edgefrac.training.recipe import Augmentation, Stage
from edgefrac.training.scanner import change_tone, lose_depth, lose_detail

_BLUR_RADIUS = 3


def augment_batch(
    batch: dict[str, torch.Tensor],
    stage: Stage,
    settings: Augmentation,
    generator: torch.Generator,
    located: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """What training sees of a packed batch (``image``, ``mask``, ``label``, ``known``) in the given stage.

    ``located`` bool (K,) says which of the labels (B, K) are of what the mask shows: a crop beside it has none of them.
    """
    images, masks = augment(batch["image"], batch["mask"], stage, settings, generator)
    label = batch["label"]
    if stage.view < 1:
        missed = (masks.amax((1, 2, 3)) <= 0.5) & (batch["known"] == 1)
        label = label.masked_fill(missed[:, None] & located.to(label.device), 0)
    augmented = {**batch, "image": images, "mask": masks, "label": label}
    return mix(augmented, settings, generator) if settings.mixup or settings.cutmix else augmented


def augment(
    images: torch.Tensor, masks: torch.Tensor, stage: Stage, settings: Augmentation, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images (B, 1, P, P) and masks (B, 1, M, M) in {0, 255} -> uint8 (B, 1, S, S) and float32 masks.

    S is the stage's size; masks come back at a quarter of it, values in [0, 1].
    """
    batch, size = images.shape[0], stage.size
    matrices = _matrices(batch, settings, generator)
    if stage.view < 1:
        matrices[:, :, :2] *= stage.view
        matrices[:, :, 2] = matrices[:, :, 2] * stage.view + _centres(masks, stage.view, generator)
    matrices = matrices.to(images.device)
    grid = functional.affine_grid(matrices, [batch, 1, size, size], align_corners=False)
    coarse = functional.affine_grid(matrices, [batch, 1, size // 4, size // 4], align_corners=False)
    warped = functional.grid_sample(images.float() / 255.0, grid, align_corners=False)
    moved = functional.grid_sample(masks.float() / 255.0, coarse, align_corners=False)
    exposed = _expose(_seen_through(warped, moved, settings, generator), settings, generator)
    if settings.bits < 8:
        exposed = lose_depth(exposed, settings.bits, generator)
    return (exposed * 255.0).round().clamp(0, 255).to(torch.uint8), moved


def _centres(masks: torch.Tensor, view: float, generator: torch.Generator) -> torch.Tensor:
    """Crop centres (B, 2) as (x, y) in [-1, 1]: near a random pixel of the fracture, anywhere where there is none."""
    batch, side = masks.shape[0], masks.shape[-1]
    flat = masks.flatten(1).cpu() > 0
    marked = flat.any(1)
    weights = torch.where(marked[:, None], flat, torch.ones_like(flat)).float()
    pixel = torch.multinomial(weights, 1, generator=generator)[:, 0]
    centre = torch.stack([pixel % side, pixel // side], 1).float() * (2 / side) - 1
    jitter = torch.stack([_uniform(batch, generator), _uniform(batch, generator)], 1) * view * 0.8
    reach = 1 - view * 0.8  # a crop keeps to the image, but for a fifth of itself
    return torch.where(marked[:, None], centre + jitter, centre * reach).clamp(-reach, reach)


def _uniform(batch: int, generator: torch.Generator) -> torch.Tensor:
    """(B,) uniform in [-1, 1)."""
    return torch.rand(batch, generator=generator) * 2 - 1


def _matrices(batch: int, settings: Augmentation, generator: torch.Generator) -> torch.Tensor:
    """Inverse affine maps (output -> source), (B, 2, 3)."""
    angle = _uniform(batch, generator) * math.radians(settings.rotation_degrees)
    scale = torch.exp(_uniform(batch, generator) * math.log1p(settings.scale))
    aspect = torch.exp(_uniform(batch, generator) * math.log1p(settings.scale) * 0.3)
    mirror = torch.where(_uniform(batch, generator) < 0, -1.0, 1.0) if settings.flip else torch.ones(batch)
    shift_x, shift_y = (_uniform(batch, generator) * 2 * settings.shift for _ in range(2))
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    row_x = torch.stack([cos * mirror * aspect, -sin * mirror, shift_x], 1)
    row_y = torch.stack([sin, cos / aspect, shift_y], 1)
    return torch.stack([row_x, row_y], 1)


def _seen_through(
    images: torch.Tensor, masks: torch.Tensor, settings: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    """What is off draws nothing, so that recipes without it see what they always saw."""
    if settings.markers:
        images = add_markers(images, masks, settings.markers, generator)
    if settings.collimation:
        images = collimate(images, masks, settings.collimation, generator)
    if settings.resolution:
        images = lose_detail(images, settings.resolution, generator)
    if settings.tone:
        images = change_tone(images, settings.tone, generator)
    return images


def _expose(images: torch.Tensor, settings: Augmentation, generator: torch.Generator) -> torch.Tensor:
    batch = images.shape[0]

    def column(values: torch.Tensor) -> torch.Tensor:
        return values.view(-1, 1, 1, 1).to(images.device)

    images = _sharpness(images, _uniform(batch, generator) * settings.blur)
    images = images.clamp(0, 1) ** column(torch.exp(_uniform(batch, generator) * settings.gamma))
    gain = column(1 + _uniform(batch, generator) * settings.contrast)
    offset = column(_uniform(batch, generator) * settings.contrast * 0.2)
    inside = (images > 0).float()  # the letterbox stays black
    images = (images * gain + offset) * inside
    noise = torch.randn(images.shape, generator=generator).to(images.device)
    strength = column(_uniform(batch, generator).clamp(min=0) * settings.noise)
    return (images + noise * strength * inside).clamp(0, 1)


def _sharpness(images: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Gaussian blur where sigma is positive, unsharp masking of that sigma where it is negative."""
    batch = images.shape[0]
    offsets = torch.arange(-_BLUR_RADIUS, _BLUR_RADIUS + 1).float()
    kernels = torch.exp(-0.5 * (offsets[None] / sigmas.abs().clamp(min=0.05)[:, None]) ** 2)
    kernels = (kernels / kernels.sum(1, keepdim=True)).to(images.device)
    flat = images.transpose(0, 1)
    flat = functional.conv2d(flat, kernels.view(batch, 1, -1, 1), padding=(_BLUR_RADIUS, 0), groups=batch)
    flat = functional.conv2d(flat, kernels.view(batch, 1, 1, -1), padding=(0, _BLUR_RADIUS), groups=batch)
    blurred = flat.transpose(0, 1)
    sharpen = (sigmas < 0).view(-1, 1, 1, 1).to(images.device)
    return torch.where(sharpen, images + 0.7 * (images - blurred), blurred)
