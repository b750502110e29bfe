"""int8 by NNCF, OpenVINO's own quantizer, to compare the exact plan with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefrac.errors import MissingExtraError
from edgefrac.targets.openvino_import import ov
from edgefrac.targets.quiet import cannot_convert, quiet_converter


def quantize(model: ov.Model, images: NDArray[np.uint8]) -> ov.Model:
    """The float32 graph as int8 by post-training quantization, on all network inputs uint8 [N, S, S].

    With NNCF's fast bias correction. Raises ConversionError; MissingExtraError where NNCF is not installed.
    """
    with quiet_converter():
        try:
            import nncf
        except ModuleNotFoundError:
            raise MissingExtraError("OpenVINO's own quantizer (NNCF)", "openvino") from None
        data = nncf.Dataset(list(images), lambda image: {"image": image[None, :, :, None]})
        try:
            return nncf.quantize(model.clone(), data, subset_size=len(images), fast_bias_correction=True)
        except Exception as error:  # NNCF raises whatever its many layers raise
            raise cannot_convert("OpenVINO", error) from error
