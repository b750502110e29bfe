"""From a torch network to an OpenVINO graph with uint8 pixels as input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgefrac.models.exportable import Exportable
from edgefrac.targets.pixel_net import PixelNet, blank
from edgefrac.targets.quiet import cannot_convert, quiet_converter

if TYPE_CHECKING:
    from edgefrac.targets.openvino_import import ov


def convert(exportable: Exportable) -> ov.Model:
    """The float32 graph before ``save`` gives it its contract; raises ConversionError."""
    with quiet_converter():
        import torch

        from edgefrac.targets.openvino_import import ov

        # after the import above, which keeps telemetry out
        from openvino.passes import ConstantFolding, Manager  # isort: skip

        try:
            sample = blank(exportable)
            program = torch.export.export(PixelNet(exportable).eval(), (sample,))
            model = ov.convert_model(program, input=[("image", list(sample.shape))])
        except Exception as error:  # the converter raises whatever its many layers raise
            raise cannot_convert("OpenVINO", error) from error
        names = ("probability", "evidence")
        for output, name in zip(model.outputs, names[: len(model.outputs)], strict=True):
            output.set_names({name})
        folding = Manager()
        folding.register_pass(ConstantFolding())
        folding.run_passes(model)
    return model
