"""Quantization-aware training: int8 rounding in the forward pass, gradients straight through it.

Krishnamoorthi 2018 (arXiv:1806.08342): weights per output channel and symmetric, activations per tensor with running
ranges. Weights are rounded by the rule of the export, which matters more than any training: nearest rounding moves the
logit more than twice as far. Batch normalisation may stay unfolded, because its scale per channel commutes with a scale
per channel; it is frozen meanwhile, as it will be in the file.

The gate compares the int8 file with the float32 network of the same weights, so training also asks the two to agree:
the network without rounding teaches the one with it (``disagreement``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from edgefrac.models.network import FractureNet
from edgefrac.quantization.rounding import LARGEST

_MOMENTUM = 0.05
_LEVELS = 255


class QuantizationAware(nn.Module):
    """Simulates int8 in ``network`` while ``active``; its running ranges are part of the training state.

    Ranges move only while this module is in training mode; frozen stages of the network are rounded like all others.
    """

    def __init__(self, network: FractureNet) -> None:
        super().__init__()
        self.active = False
        self._convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
        for convolution in self._convolutions:
            parametrize.register_parametrization(convolution, "weight", _RoundedWeight(self))
        named = {
            name.replace(".", "_"): module
            for name, module in network.named_modules()
            if _is_edge(module) or module is network.head.conv
        }
        self.ranges = nn.ModuleDict({name: _RoundedActivation() for name in named})
        for name, module in named.items():
            module.register_forward_hook(self._hook(name))

    def _hook(self, name: str) -> object:
        def round_output(module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
            if not self.active:
                return output
            rounded: torch.Tensor = self.ranges[name](output)
            return rounded

        return round_output

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Within it the network computes without rounding."""
        active, self.active = self.active, False
        try:
            yield
        finally:
            self.active = active

    def remove(self) -> None:
        """Leave plain weights behind."""
        self.active = False
        for convolution in self._convolutions:
            parametrize.remove_parametrizations(convolution, "weight", leave_parametrized=False)


def round_kernels(weight: torch.Tensor) -> torch.Tensor:
    """Weights (O, I, kh, kw) as an export rounds them: on each kernel's int8 grid, its sum kept within half a step.

    The same rule as ``quantization.rounding.round_kernels``, over all kernels at once.
    """
    flat = weight.flatten(1)
    scale = flat.abs().amax(1, keepdim=True).clamp(min=1e-8) / LARGEST
    steps = flat / scale
    rounded = steps.round()
    error = rounded - steps
    surplus = error.sum(1, keepdim=True).round()
    direction = surplus.sign()
    # how far each weight was rounded towards the surplus; the largest stays, it sets the scale
    towards = torch.where(rounded.abs() < LARGEST, error * direction, -torch.inf)
    count = surplus.abs().long()
    least = towards.sort(1, descending=True).values.gather(1, (count - 1).clamp(min=0))
    rounded = rounded - direction * ((towards >= least) & (count > 0))
    return (rounded * scale).view_as(weight)


class _RoundedWeight(nn.Module):
    def __init__(self, owner: QuantizationAware) -> None:
        super().__init__()
        self._owner = (owner,)  # in a tuple, so that the owner does not become a submodule of its own network

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        if not self._owner[0].active:
            return weight
        return weight + (round_kernels(weight.detach()) - weight).detach()


class _RoundedActivation(nn.Module):
    low: torch.Tensor
    high: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(0.0))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if self.training:
            extremes = values.detach().aminmax()
            low, high = extremes.min.clamp(max=0), extremes.max.clamp(min=0)
            first = bool(self.high == self.low)
            self.low.copy_(low if first else torch.lerp(self.low, low, _MOMENTUM))
            self.high.copy_(high if first else torch.lerp(self.high, high, _MOMENTUM))
        scale = (self.high - self.low).clamp(min=1e-6) / _LEVELS
        zero = (-self.low / scale).round().to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, _LEVELS)


def disagreement(rounded: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of logits (B, K) with and without rounding; decisions flip in proportion to it."""
    return functional.l1_loss(rounded, plain.detach())


def _is_edge(module: nn.Module) -> bool:
    """Whether a module's output becomes an int8 tensor of the exported graph."""
    if isinstance(module, nn.BatchNorm2d):  # timm's includes its activation
        return type(module) is not nn.BatchNorm2d
    return isinstance(module, nn.ReLU6) or bool(getattr(module, "has_skip", False))
