"""From a torch network to a float32 TFLite graph, NHWC in and out."""

from __future__ import annotations

import copy

import torch
from torch import nn

from edgefrac.models.exportable import Exportable, ExportNet
from edgefrac.targets.quiet import cannot_convert, quiet_converter


def convert(exportable: Exportable) -> bytes:
    """The float32 graph before it gets its uint8 input; raises ConversionError."""
    with quiet_converter():
        import litert_torch

        sample = torch.zeros(1, exportable.size, exportable.size, 1)
        try:
            # weights are read as they lie in memory, and a network that has run may hold them channels last
            module: nn.Module = copy.deepcopy(exportable.module).eval()
            module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            maps = [1] if exportable.has_evidence else []
            if isinstance(module, ExportNet) and (exportable.channels > 1 or module.refinement > 1):
                module, maps = _MapsLast(module), []
            wrapped = litert_torch.to_channel_last_io(module, args=[0], outputs=maps)
            converted = litert_torch.convert(wrapped, (sample,))
            return bytes(converted.model_content())
        except Exception as error:  # the converter raises whatever its many layers raise
            raise cannot_convert("TFLite", error) from error


class _MapsLast(nn.Module):
    """Averages maps as they lie in the file, channels last; with several channels two TRANSPOSE would be left else."""

    def __init__(self, network: ExportNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        evidence = _depth_to_space(self.network.evidence(image).permute(0, 2, 3, 1), self.network.refinement)
        return self.network.probability(evidence.mean((1, 2))), evidence


def _depth_to_space(maps: torch.Tensor, factor: int) -> torch.Tensor:
    """``models.head.depth_to_space`` of maps that lie channels last."""
    if factor == 1:
        return maps
    _, height, width, channels = maps.shape
    apart = maps.reshape(height, width, factor, factor, channels // factor**2)
    return apart.permute(0, 2, 1, 3, 4).reshape(1, factor * height, factor * width, -1)
