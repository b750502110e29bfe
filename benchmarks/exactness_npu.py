"""NPUs without the device, for ``benchmarks.exactness``: what their compilers make of a file, and its codes."""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.exactness_rounding import TwiceRounded
from benchmarks.exactness_rows import Row, Said, compare, here
from benchmarks.exactness_subjects import Subject, probabilities
from edgefrac.runtimes.backends.ethos_u import EthosU55, EthosU65, EthosU85
from edgefrac.runtimes.backends.qualcomm_htp import QualcommHtp
from edgefrac.runtimes.vela import command, compile_for


def ethos_u(subject: Subject, _: argparse.Namespace) -> Iterator[Row | dict[str, Any]]:
    """Placement and cycles by Vela; codes by the arithmetic that Vela asks for, in whole numbers and in TFLite."""
    for backend in (EthosU55, EthosU65, EthosU85):
        yield _vela(subject, backend.accelerator)
    network = TwiceRounded(**vars(subject.network))
    codes = np.stack([np.moveaxis(network.run(image)[network.output], 0, -1) for image in subject.images])
    scale = np.float32(subject.scale)
    twice = Said(probabilities(network, codes).astype(np.float32), codes * scale, "whole numbers rounded twice")
    yield compare(subject, twice, "Ethos-U arithmetic", "emulated")
    (kernels,) = here().run([subject.files["tflite"]], subject.images, kernels="BUILTIN_REF")
    same = float((kernels.evidence == twice.evidence).mean())
    yield {"network": subject.name, "BUILTIN_REF identical to whole numbers rounded twice": same}


def _vela(subject: Subject, accelerator: str) -> dict[str, Any]:
    file = subject.files["tflite"]
    found = compile_for(file, accelerator)
    assert found.estimate is not None
    with tempfile.TemporaryDirectory() as folder:
        arguments = [f"--accelerator-config={accelerator}", f"--output-dir={folder}"]
        asked = [command(file), str(file), *arguments, "--verbose-register-command-stream"]
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
    rounding = Counter(re.findall(r"round_mode = ROUND_MODE_(?:[IO]FM_)?(\w+)", done.stdout))
    return {
        "network": subject.name,
        "device": accelerator,
        "evidence_level": found.estimate.evidence_level,
        "operators": found.placement.summary,
        "cycles": found.estimate.cycles,
        "milliseconds": round(found.estimate.median_ms, 2),
        "rounding": dict(rounding),
    }


def qualcomm(subject: Subject, _: argparse.Namespace) -> Iterator[Row]:
    """The HTP emulator that comes with onnxruntime-qnn."""
    backend, file = QualcommHtp(), subject.files["onnx"]
    found, placed = backend.answers(file, subject.images), backend.placement(file)
    assert found.evidence is not None
    runtime = f"onnxruntime-qnn {version('onnxruntime-qnn')}, HTP emulator ({placed.summary})"
    yield compare(subject, Said(found.probability, found.evidence, runtime), backend.title, "emulated")
