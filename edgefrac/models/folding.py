"""Fold batch normalisation into convolutions, so that a checkpoint of float16 weights is exactly what is exported.

A converter folds batch normalisation anyway. If that happens after the weights were rounded to float16, the folded
ones are no float16 numbers any more, and the float16 file differs from the network for no good reason.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from edgefrac.errors import ConversionError
from edgefrac.models.network import FractureNet

_PROBE_SIZE = 96
_TOLERANCE = 1e-3


def fold(network: FractureNet) -> FractureNet:
    """Merge parallel branches into one convolution, and fold each batch normalisation into the convolution before it.

    The normalisation layers stay, as the identity plus bias, so the architecture is the same; only a network with
    branches becomes another one, and says so in ``architecture``. Works in place, in eval mode. Raises ConversionError
    if the network computes something else afterwards.
    """
    network.eval()
    probe = torch.randn(2, 1, _PROBE_SIZE, _PROBE_SIZE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before, _ = network(probe)
    merge_branches(network.features)
    network.architecture = network.folded_architecture
    convolution: nn.Conv2d | None = None
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            convolution = module
        elif isinstance(module, nn.BatchNorm2d) and convolution is not None:
            _fold(convolution, module)
            convolution = None
    with torch.inference_mode():
        after, _ = network(probe)
    if not torch.allclose(before, after, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise ConversionError(f"{network.architecture}: batch normalisation does not follow its convolution")
    return network


def merge_branches(features: nn.Module) -> None:
    """Let each re-parameterisable block of timm become the one convolution that its branches add up to, in place."""
    for module in list(features.modules()):
        reparameterize: Any = getattr(module, "reparameterize", None)
        if reparameterize is not None:
            reparameterize()


def halve(network: FractureNet) -> FractureNet:
    """Round all but the head's bias to float16 numbers, in place."""
    for name, parameter in network.named_parameters():
        if name != "head.bias":  # stays float32 in every file, and a calibrated bias can be beyond float16
            parameter.data = parameter.data.half().float()
    return network


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    weight, bias = fuse_conv_bn_weights(
        convolution.weight, convolution.bias, mean, variance, norm.eps, norm.weight, norm.bias
    )
    convolution.weight.data = weight.data
    norm.bias.data = bias.data
    norm.weight.data.fill_(1.0)
    mean.zero_()
    # with this variance, variance + eps is the float32 number 1, or next to it
    variance.fill_(1.0 - norm.eps)
