"""The network as ONNX and OpenVINO files hold it: pixels in, probability and evidence map out, both channels last."""

from __future__ import annotations

import torch
from torch import nn

from edgefrac.models.exportable import Exportable


class PixelNet(nn.Module):
    """uint8 [1, S, S, 1] -> float32 probability [1, K] and, where there is one, evidence [1, h, w, K]."""

    def __init__(self, exportable: Exportable) -> None:
        super().__init__()
        self.network = exportable.module
        self.has_evidence = exportable.has_evidence

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        centred = (image.to(torch.float32) - 128) * (1 / 128)
        output = self.network(centred.permute(0, 3, 1, 2))
        if not self.has_evidence:
            probability: torch.Tensor = output
            return probability
        probability, evidence = output
        return probability, evidence.permute(0, 2, 3, 1)


def blank(exportable: Exportable) -> torch.Tensor:
    """A black network input, uint8 [1, S, S, 1]."""
    return torch.zeros(1, exportable.size, exportable.size, 1, dtype=torch.uint8)
