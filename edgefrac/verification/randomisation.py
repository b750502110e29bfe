"""The weight-randomisation test (Adebayo et al. 2018, arXiv:1810.03292): a map must not outlive what was learned."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from edgefrac.digest import file_sha256
from edgefrac.models.checkpoint import load_checkpoint
from edgefrac.models.exportable import from_checkpoint, identify
from edgefrac.runtimes.session import Session
from edgefrac.runtimes.torch import ExportableSession

_SEED = 20181030


def randomised(checkpoint: Path) -> Iterator[tuple[str, Session]]:
    """Networks in which more and more of the weights are shuffled, from the head down to the first layer.

    Each comes with the name of the part that was shuffled last. Weights change places within their tensor, which keeps
    their distribution, so that activations stay in the range that batch normalisation expects. Raises CheckpointError.
    """
    network, info = load_checkpoint(checkpoint)
    identity = identify(info, file_sha256(checkpoint))
    parts: list[tuple[str, nn.Module]] = [("head", network.head)]
    parts += [(f"stage {number}", stage) for number, stage in reversed(list(enumerate(network.stages)))]
    generator = torch.Generator().manual_seed(_SEED)
    for name, part in parts:
        for weight in part.parameters():
            if weight.ndim > 1:
                places = torch.randperm(weight.numel(), generator=generator)
                weight.data = weight.data.flatten()[places].view_as(weight)
        exportable = from_checkpoint(copy.deepcopy(network), info)
        yield name, ExportableSession(exportable, exportable.contract("fp32", identity), checkpoint)
