"""TFLite files on an Android device, by LiteRT's own benchmark tool: answers to given images, and its latencies.

The tool (``benchmark_model`` of LiteRT's sources) reads an input from a file, and writes all outputs into one.
"""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.contract import Contract
from edgefrac.errors import DeviceError
from edgefrac.runtimes.adb import Phone
from edgefrac.runtimes.backend import Answered

TOOL = "EDGEFRAC_BENCHMARK_MODEL"
_FOLDER = "/data/local/tmp"
_ONCE = ("--num_runs=1", "--min_secs=0", "--warmup_runs=0", "--warmup_min_secs=0")
_LATENCIES = re.compile(r"count=(\d+) .*?p5=[\d.e+]+ median=([\d.e+]+) p95=([\d.e+]+)")
_REPLACED = re.compile(r"Replacing (\d+) out of (\d+) node\(s\) with delegate \((\w+)\)")
_START_SECONDS, _IMAGE_SECONDS = 120.0, 20.0


@dataclass(frozen=True)
class ToolReport:
    """What the tool printed: runs, median and 95th percentile in ms, and how many nodes each delegate took of all."""

    runs: int
    median_ms: float
    p95_ms: float
    delegates: dict[str, tuple[int, int]]


def benchmark_tool() -> Path:
    """The tool for the device, from $EDGEFRAC_BENCHMARK_MODEL; raises DeviceError."""
    named = os.environ.get(TOOL, "")
    if not named:
        raise DeviceError(
            "LiteRT's benchmark tool for Android is not here",
            hint=f"download android_aarch64_benchmark_model (docs/devices.md says where), and set {TOOL} to its path",
        )
    if not Path(named).is_file():
        raise DeviceError(f"{named}: no such file, but {TOOL} names it")
    return Path(named)


def ask(
    phone: Phone, path: Path, contract: Contract, images: NDArray[np.uint8], flags: Sequence[str], threads: int
) -> Answered:
    """What a TFLite file says on the device to network inputs uint8 [N, S, S], one process there for each.

    ``flags`` choose the tool's delegate. All files go and come at once. Raises DeviceError.
    """
    given = contract.input
    source = (
        f"--input_layer={given.name}",
        f"--input_layer_shape={','.join(map(str, given.shape))}",
        f"--input_layer_value_files={given.name}:$image",
        "--output_filepath=outputs/${image##*/}",
    )
    tool = " ".join([_tool(flags, threads), *_ONCE, *(f'"{flag}"' for flag in source)])
    script = f"mkdir outputs; for image in inputs/*; do {tool} > log 2>&1 || {{ cat log; exit 1; }}; done"
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        job = _job(Path(folder), path)
        (job / "inputs").mkdir()
        for number, image in enumerate(images):
            (job / "inputs" / f"{number:06}").write_bytes(image.tobytes())
        _carry_out(phone, job, script, _START_SECONDS + _IMAGE_SECONDS * len(images), Path(folder))
        return _answers(path, contract, sorted(Path(folder, "outputs").iterdir()), len(images))


def report(phone: Phone, path: Path, flags: Sequence[str], threads: int) -> ToolReport:
    """What the tool says of its speed on random input, after its own warm-up; raises DeviceError."""
    with tempfile.TemporaryDirectory(prefix="edgefrac-") as folder:
        log = _carry_out(phone, _job(Path(folder), path), f"{_tool(flags, threads)} 2>&1", _START_SECONDS)
    found = _LATENCIES.findall(log)
    if not found:
        raise DeviceError(f"{path}: the benchmark tool on the device prints no median", hint="use a newer one")
    runs, median, p95 = found[-1]  # the line before is that of its warm-up
    delegates = {name: (int(taken), int(nodes)) for taken, nodes, name in _REPLACED.findall(log)}
    return ToolReport(int(runs), float(median) / 1000, float(p95) / 1000, delegates)


def _tool(flags: Sequence[str], threads: int) -> str:
    return " ".join(["./benchmark_model --graph=model.tflite", f"--num_threads={threads}", *flags])


def _job(folder: Path, path: Path) -> Path:
    """A folder for the device with a name that no other job has."""
    job = Path(tempfile.mkdtemp(prefix="edgefrac-", dir=folder))
    job.chmod(0o755)
    (job / "model.tflite").write_bytes(path.read_bytes())
    (job / "benchmark_model").write_bytes(benchmark_tool().read_bytes())
    return job


def _carry_out(phone: Phone, job: Path, script: str, seconds: float, back: Path | None = None) -> str:
    """Standard output of a script in the job's folder on the device, of which nothing is left there."""
    there = f"{_FOLDER}/{job.name}"
    try:
        phone.push(job, f"{_FOLDER}/")
        said = phone.shell(f"cd {shlex.quote(there)} && chmod 755 benchmark_model && {{ {script}; }}", seconds)
        if back:
            phone.pull(f"{there}/outputs", back)
        return said
    finally:
        phone.shell(f"rm -rf {shlex.quote(there)}")


def _answers(path: Path, contract: Contract, files: Sequence[Path], count: int) -> Answered:
    if len(files) != count:
        raise DeviceError(f"{path}: the device gave {len(files)} answers to {count} images")
    found: dict[str, list[NDArray[np.float32]]] = {output.name: [] for output in contract.outputs}
    ordered = sorted(contract.outputs, key=lambda output: output.index)
    ends = np.cumsum([int(np.prod(output.shape)) for output in ordered])
    for file in files:
        values = np.fromfile(file, "<f4")
        if len(values) != ends[-1]:
            raise DeviceError(f"{path}: the device wrote {len(values)} values, where its contract promises {ends[-1]}")
        for output, part in zip(ordered, np.split(values, ends[:-1]), strict=True):
            found[output.name].append(part.reshape(output.shape[1:]))
    evidence = found.get("evidence")
    return Answered(np.stack(found["probability"]), None if evidence is None else np.stack(evidence))
