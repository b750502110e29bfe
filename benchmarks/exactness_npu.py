"""NPUs without the device, for ``benchmarks.exactness``: what their compilers make of a file, and its codes."""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.exactness_rounding import TwiceRounded
from benchmarks.exactness_rows import Row, compare, here
from benchmarks.exactness_subjects import Subject, probabilities
from edgefrac.errors import DeviceError
from edgefrac.runtimes.bare import Answers, BarePython

ETHOS_U = ("ethos-u55-128", "ethos-u65-256", "ethos-u85-256")
_HTP_SCRIPT = Path(__file__).with_name("exactness_htp.py")


def ethos_u(subject: Subject, arguments: argparse.Namespace) -> Iterator[Row | dict[str, Any]]:
    """Placement and cycles by Vela; codes by the arithmetic that Vela asks for, in whole numbers and in TFLite."""
    for accelerator in ETHOS_U:
        yield _vela(arguments.npu_python.with_name("vela"), subject, accelerator)
    network = TwiceRounded(**vars(subject.network))
    codes = np.stack([np.moveaxis(network.run(image)[network.output], 0, -1) for image in subject.images])
    scale = np.float32(subject.scale)
    twice = Answers(probabilities(network, codes).astype(np.float32), codes * scale, "whole numbers rounded twice")
    yield compare(subject, twice, "Ethos-U arithmetic", "emulated")
    (kernels,) = here().run([subject.files["tflite"]], subject.images, kernels="BUILTIN_REF")
    same = float((kernels.evidence == twice.evidence).mean())
    yield {"network": subject.name, "BUILTIN_REF identical to whole numbers rounded twice": same}


def _vela(vela: Path, subject: Subject, accelerator: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        command = [str(vela), str(subject.files["tflite"]), f"--accelerator-config={accelerator}"]
        command += [f"--output-dir={folder}", "--verbose-register-command-stream"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DeviceError(f"vela stopped with status {done.returncode}")
        (summary,) = Path(folder).glob("*_summary_*.csv")
        with summary.open() as file:
            (row,) = csv.DictReader(file)
    rounding = Counter(re.findall(r"round_mode = ROUND_MODE_(?:[IO]FM_)?(\w+)", done.stdout))
    return {
        "network": subject.name,
        "device": accelerator,
        "evidence_level": "predicted",
        "operators": [line.strip() for line in done.stdout.splitlines() if "PU operators" in line],
        "cycles": int(float(row["cycles_total"])),
        "milliseconds": round(float(row["inference_time"]) * 1e3, 2),
        "rounding": dict(rounding),
    }


def qualcomm(subject: Subject, arguments: argparse.Namespace) -> Iterator[Row]:
    """The HTP emulator that comes with onnxruntime-qnn."""
    python = BarePython((str(arguments.npu_python),), os.environ, _HTP_SCRIPT)
    (answers,) = python.run([subject.files["onnx"]], subject.images)
    yield compare(subject, answers, "Qualcomm HTP v75", "emulated")
