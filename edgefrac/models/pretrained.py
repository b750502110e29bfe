"""ImageNet weights for backbones of one grey channel, and networks of timm to put them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from safetensors.torch import load_file

from edgefrac.errors import CheckpointError, MissingWeightsError, UsageError
from edgefrac.models import torchvision_shim

WITHOUT = "pretrained=false starts from random weights, start_from=CHECKPOINT from your own"


def timm_network(name: str, **options: Any) -> Any:
    """A network of timm for one grey channel, without classifier, with random weights."""
    torchvision_shim.install()
    import timm

    return timm.create_model(name, in_chans=1, num_classes=0, **options)


def grey_stem(
    kernel: torch.Tensor, mean: Sequence[float], spread: Sequence[float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn a first kernel (O, 3, h, w) into one for a grey channel (O, 1, h, w), and what to add behind it (O).

    The kernel read (v - mean) / spread in each of three channels, v from 0 to 255; the new one reads (v - 128) / 128.
    Exact for a grey image but at its border, where zero padding was the mean colour and is mid-grey now.
    """
    exact = kernel.double()
    means, spreads = (torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1) for values in (mean, spread))
    grey = (exact * 128 / spreads).sum(1, keepdim=True)
    shift = (exact * (128 - means) / spreads).sum((1, 2, 3))
    return grey.to(kernel.dtype), shift.to(kernel.dtype)


def refuse_pretrained(name: str, why: str) -> None:
    """Raise UsageError for a backbone that has no pretrained weights: random ones in their place would go unnoticed."""
    raise UsageError(f"{name}: {why}", hint=WITHOUT)


def load_from_hub(net: Any) -> None:
    """Fill a network of ``timm_network`` with the ImageNet weights that timm names for it.

    Raises MissingWeightsError where the Hub cannot be reached and its cache does not hold them.
    """
    settings = net.pretrained_cfg
    weights = _hub_weights(settings["hf_hub_id"])
    own = net.state_dict()
    missing = [name for name in own if name not in weights and not name.endswith("num_batches_tracked")]
    if missing:
        raise CheckpointError(f"{settings['hf_hub_id']}: holds no {missing[0]}")
    stem = f"{settings['first_conv']}.weight"
    scaled = ([255 * value for value in settings[key]] for key in ("mean", "std"))
    weights[stem], shift = grey_stem(weights[stem], *scaled)
    weights["bn1.running_mean"] = weights["bn1.running_mean"] - shift
    net.load_state_dict({name: weights.get(name, value) for name, value in own.items()})


def _hub_weights(repository: str) -> dict[str, torch.Tensor]:
    """Tensors of a repository's safetensors file, which can hold no code; never its pickle."""
    import huggingface_hub

    try:
        path = huggingface_hub.hf_hub_download(repository, "model.safetensors")
    except Exception as error:  # the client raises whatever its transport raises
        raise MissingWeightsError(
            f"ImageNet weights '{repository}' are not on this machine, and the Hugging Face Hub cannot be reached",
            hint=f"with a network: hf download {repository} model.safetensors; without: {WITHOUT}",
        ) from error
    return load_file(path)
