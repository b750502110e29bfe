"""TFLite (LiteRT) files: convert a network, and finish the file.

Every file takes uint8 NHWC pixels and gives ``probability`` [1, K] and ``evidence`` [1, h, w, K] as float32.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator

import torch
from torch import nn

from edgefrac.contract import Contract
from edgefrac.errors import ConversionError
from edgefrac.models.exportable import Exportable, ExportNet
from edgefrac.quantization.plan import Plan
from edgefrac.targets.tflite_graph import finish
from edgefrac.targets.tflite_quantize import half, quantize

SUFFIX = ".tflite"


def convert_float(exportable: Exportable) -> bytes:
    """The float32 graph, NHWC in and out, before ``write`` gives it its uint8 input; raises ConversionError."""
    with _quiet_converter():
        import litert_torch

        sample = torch.zeros(1, exportable.size, exportable.size, 1)
        try:
            # weights are read as they lie in memory, and a network that has run may hold them channels last
            module: nn.Module = copy.deepcopy(exportable.module).eval()
            module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            maps = [1] if exportable.has_evidence else []
            if maps and exportable.channels > 1 and isinstance(module, ExportNet):
                module, maps = _MapsLast(module), []
            wrapped = litert_torch.to_channel_last_io(module, args=[0], outputs=maps)
            converted = litert_torch.convert(wrapped, (sample,))
            data = bytes(converted.model_content())
        except Exception as error:  # the converter raises whatever its many layers raise
            cause = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise ConversionError(f"TFLite: the network cannot be converted ({cause})") from error
    return data


class _MapsLast(nn.Module):
    """Averages maps as they lie in the file, channels last; with several channels two TRANSPOSE would be left else."""

    def __init__(self, network: ExportNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        evidence = self.network.evidence(image).permute(0, 2, 3, 1)
        return self.network.probability(evidence.mean((1, 2))), evidence


def write(float_model: bytes, contract: Contract, plan: Plan | None = None) -> bytes:
    """The finished file in the contract's precision; a ``plan`` is needed for int8. Same arguments, same bytes."""
    if contract.precision == "fp32":
        graph = float_model
    elif contract.precision == "fp16":
        graph = half(float_model)
    elif plan:
        graph = quantize(float_model, plan)
    else:
        raise ConversionError(
            "int8 needs activation ranges, and this checkpoint carries none",
            hint="give radiographs of the training split with --calibration DIR",
        )
    return finish(graph, contract)


@contextlib.contextmanager
def _quiet_converter() -> Iterator[None]:
    """The converter logs its progress at length; keep errors, drop the rest."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous)
