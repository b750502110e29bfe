"""OpenVINO without its telemetry, which reports imports and conversions to its makers unless told not to.

Whatever in EdgeFrac needs OpenVINO takes it from here. Raises ModuleNotFoundError where it is not installed.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # its own stand-in sends nothing

import openvino as ov  # noqa: E402

__all__ = ["ov"]
