"""From a torch network to an ONNX graph with uint8 pixels as input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefrac.models.exportable import Exportable
from edgefrac.targets.pixel_net import PixelNet, blank
from edgefrac.targets.quiet import cannot_convert, quiet_converter

if TYPE_CHECKING:
    import onnx

OPSET = 20  # what torch's exporter is written for; ONNX Runtime reads it since 1.17, on phones and in browsers too


def convert(exportable: Exportable) -> onnx.ModelProto:
    """The float32 graph, weights inside, before ``finish`` gives it its contract; raises ConversionError."""
    with quiet_converter():
        import torch

        names = ["probability", "evidence"] if exportable.has_evidence else ["probability"]
        try:
            program = torch.onnx.export(
                PixelNet(exportable).eval(),
                (blank(exportable),),
                dynamo=True,
                opset_version=OPSET,
                input_names=["image"],
                output_names=names,
                verbose=False,
            )
            assert program is not None
            return program.model_proto
        except Exception as error:  # the exporter raises whatever its many layers raise
            raise cannot_convert("ONNX", error) from error
