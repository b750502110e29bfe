"""ONNX Runtime keeps no record of its user, whichever part of EdgeFrac imports it first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
OPENS = "from edgefrac.runtimes.ort import OnnxSession; OnnxSession(path)"
CONVERTS = "from edgefrac.targets.ort_convert import to_ort; to_ort(path.read_bytes())"
QUANTIZES = """
import onnx, numpy as np
from edgefrac.targets.onnx_quantize import quantize
from tests import onnx_model
quantize(onnx_model.graph(), np.zeros((1, 32, 32), np.uint8))
"""
BARE = """
import os, sys, numpy as np
from edgefrac.runtimes.bare import BarePython
BarePython((sys.executable,), os.environ).run([path], np.zeros((1, 32, 32), np.uint8))
"""


@pytest.mark.parametrize("program", [OPENS, CONVERTS, QUANTIZES, BARE], ids=["open", "convert", "quantize", "bare"])
def test_nothing_is_written_to_the_home_of_the_user(program: str, tiny_onnx: Path, tmp_path: Path) -> None:
    there = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"} | there
    text = f"from pathlib import Path\npath = Path({str(tiny_onnx)!r})\n{program}"
    subprocess.run([sys.executable, "-c", text], env=environment, check=True, capture_output=True, text=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
