"""What lies between tube and film beside the patient: the collimator's blades and the marker of the side.

Both keep off the fracture, as far as its mask (B, 1, M, M) is known. Images are float32 (B, 1, S, S) in [0, 1].
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

_DEEPEST = 0.35  # of half the image's side, for each blade
_TILT = math.radians(8)
_GLYPHS = (
    ("#....", "#....", "#....", "#....", "#....", "#....", "#####"),
    ("####.", "#...#", "#...#", "####.", "#.#..", "#..#.", "#...#"),
)


def collimate(images: torch.Tensor, masks: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Black outside a slightly tilted rectangle, in ``share`` of the images."""
    batch, side = len(images), images.shape[-1]
    chosen = torch.rand(batch, generator=generator) < share
    angle = (torch.rand(batch, generator=generator) * 2 - 1) * _TILT
    edges = 1 - _DEEPEST * torch.rand(batch, 4, generator=generator)
    edges[~chosen] = 2.0  # beyond every corner
    marked = masks[:, 0] > 0
    opening = torch.ones_like(images[:, 0])
    for axis in (0, 1):
        for sign in (-1.0, 1.0):
            limit = edges[:, 2 * axis + int(sign > 0)].to(images.device)
            outward = sign * _along(angle, axis, masks.shape[-1]).to(images.device)
            reached = torch.where(marked, outward, torch.full_like(outward, -2.0)).amax((1, 2))
            limit = torch.maximum(limit, reached + 2 / masks.shape[-1])
            distance = limit[:, None, None] - sign * _along(angle, axis, side).to(images.device)
            opening = opening * (distance * side / 2 + 0.5).clamp(0, 1)  # an edge one pixel wide
    return images * opening[:, None]


def _along(angle: torch.Tensor, axis: int, side: int) -> torch.Tensor:
    """Coordinates (B, side, side) in [-1, 1] along one axis of rectangles turned by ``angle`` (B,)."""
    places = (torch.arange(side) + 0.5) * 2 / side - 1
    first, second = (places[None, :], places[:, None]) if axis == 0 else (places[:, None], -places[None, :])
    return torch.cos(angle)[:, None, None] * first + torch.sin(angle)[:, None, None] * second


def add_markers(images: torch.Tensor, masks: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """A bright L or R near the border of ``share`` of the images, some of them mirrored."""
    batch, side = len(images), images.shape[-1]

    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(batch, generator=generator)

    chosen = uniform(0, 1) < share
    which = torch.randint(len(_GLYPHS), (batch,), generator=generator)
    height, angle, mirrored = uniform(0.05, 0.1), uniform(-0.3, 0.3), torch.where(uniform(0, 1) < 0.2, -1.0, 1.0)
    place = torch.stack([uniform(-1, 1), uniform(-1, 1)], 1)
    place = place / place.abs().amax(1, keepdim=True).clamp(min=1e-3) * uniform(0.7, 0.85)[:, None]
    # glyphs are 7 high and 5 wide; the map goes from output to glyph
    cos, sin = torch.cos(angle) / height, torch.sin(angle) / height
    turn = torch.stack(
        [torch.stack([cos * 7 / 5 * mirrored, sin * 7 / 5 * mirrored], 1), torch.stack([-sin, cos], 1)], 1
    )
    shift = -(turn @ place[:, :, None])
    grid = functional.affine_grid(torch.cat([turn, shift], 2), [batch, 1, side, side], align_corners=False)
    glyphs = torch.tensor([[[float(dot == "#") for dot in row] for row in glyph] for glyph in _GLYPHS])
    drawn = functional.grid_sample(glyphs[which][:, None], grid, align_corners=False).to(images.device)
    covers = (functional.adaptive_max_pool2d(drawn, masks.shape[-2:]) * masks).amax((1, 2, 3)) > 0
    shown = (chosen.to(images.device) & ~covers).float() * uniform(0.75, 1).to(images.device)
    alpha = drawn * (images > 0)  # a marker lies on the film, not on the letterbox
    return torch.where(shown.view(-1, 1, 1, 1) > 0, images + (shown.view(-1, 1, 1, 1) - images) * alpha, images)
