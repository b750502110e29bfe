"""ONNX Runtime without its telemetry, which its builds start on import, and send to Microsoft, unless told not to.

Whatever in EdgeFrac needs ONNX Runtime takes it from here. Raises ModuleNotFoundError where it is not installed.
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it is too late once the import has made an identity of this user

import onnxruntime as ort

ort.disable_telemetry_events()  # what Windows itself collects

__all__ = ["ort"]
