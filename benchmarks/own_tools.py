"""Do our figures agree with those of each runtime's own benchmark tool?

    python -m benchmarks.own_tools BUNDLE [--rounds 7] [--seconds 1]

LiteRT's ``litert-benchmark``, ONNX Runtime's ``onnxruntime_test`` and OpenVINO's ``benchmark_app`` come with the
runtimes. Each runs in a process of its own, in turns with the stopwatch on the same file, this many rounds; the
stopwatch has one file at a time here, as the tools have. What is compared is the statistic that the tool prints: the
median with one thread, for ONNX Runtime the mean with one for each core, which its tool does not leave to choose. Tools
make up their own input.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefrac.benchmarking.measure import Candidate, ModelFile
from edgefrac.benchmarking.stopwatch import take_turns
from edgefrac.pipeline.bench import model_files
from edgefrac.runtimes.backend import backends
from edgefrac.runtimes.session import ModelKind, model_kind
from edgefrac.verification.statistics import ClusterBootstrap, Estimate

_RUNS = 100


def litert(path: Path) -> float:
    """Median milliseconds by LiteRT's tool."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        _tool("litert-benchmark", f"--model={path}", f"--num_runs={_RUNS}", "--num_threads=1", f"--result_json={found}")
        return float(json.loads(found.read_text())["latency"]["median_ms"])


def onnxruntime(path: Path) -> float:
    """Mean milliseconds by ONNX Runtime's tool."""
    said = _tool("onnxruntime_test", str(path), str(10 * _RUNS))
    return _number(r"avg latency: ([\d.]+) ms", said)


def openvino(path: Path) -> float:
    """Median milliseconds by OpenVINO's tool."""
    options = "-d CPU -api sync -hint none -nstreams 1 -nthreads 1 -infer_precision f32".split()
    with tempfile.TemporaryDirectory() as folder:  # it leaves files where it runs
        said = _tool("benchmark_app", "-m", str(path.resolve()), *options, "-niter", str(_RUNS), folder=folder)
    return _number(r"Median:\s+([\d.]+) ms", said)


@dataclass(frozen=True)
class Tool:
    """A runtime's own tool: what it is called, how it is asked, and what it measures."""

    name: str
    asked: Callable[[Path], float]
    statistic: Callable[[NDArray[np.float64]], np.floating]
    threads: int


TOOLS = {
    ModelKind.TFLITE: Tool("litert-benchmark", litert, np.median, 1),
    ModelKind.ONNX: Tool("onnxruntime_test", onnxruntime, np.mean, os.cpu_count() or 1),
    ModelKind.OPENVINO: Tool("benchmark_app", openvino, np.median, 1),
}


def ours(file: ModelFile, seconds: float, tool: Tool) -> float:
    """The same statistic by the stopwatch, milliseconds; a tool opens a file once, so this does."""
    plain = next(one for one in backends("cpu") if one.bare and one.takes(model_kind(file.path), ""))
    turns = take_turns([Candidate(file, plain, tool.threads).open], seconds, openings=1)
    return 1000 * float(tool.statistic(turns.taken[0]))


def compared(file: ModelFile, tool: Tool, rounds: int, seconds: float) -> tuple[Estimate, float, float]:
    """Ours over the tool's, with its interval over rounds, and the medians of both in milliseconds."""
    mine, theirs = np.empty(rounds), np.empty(rounds)
    for number in range(rounds):
        if number % 2:
            theirs[number] = tool.asked(file.path)
        mine[number] = ours(file, seconds, tool)
        if number % 2 == 0:
            theirs[number] = tool.asked(file.path)
    bootstrap = ClusterBootstrap(np.arange(rounds))
    ratio = bootstrap.estimate(float(np.median(mine / theirs)), bootstrap.median(mine / theirs))
    return ratio, float(np.median(mine)), float(np.median(theirs))


def _tool(name: str, *arguments: str, folder: str | None = None) -> str:
    """What a command beside this Python prints."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


def _number(pattern: str, said: str) -> float:
    found = re.search(pattern, said)
    if found is None:
        raise SystemExit(f"a tool printed no figure:\n{said}")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    chosen = parser.parse_args()
    print("| file | tool | tool's ms | ours, ms | ours over the tool's (95 % interval) |\n|---|---|---|---|---|")
    for file in model_files(chosen.bundle):
        if model_kind(file.path) in TOOLS:
            tool = TOOLS[model_kind(file.path)]
            ratio, mine, theirs = compared(file, tool, chosen.rounds, chosen.seconds)
            low, high = ratio.interval or (float("nan"), float("nan"))
            line = f"{theirs:.2f} | {mine:.2f} | {ratio.value:.3f} ({low:.3f}–{high:.3f})"
            print(f"| {file.path.name} | {tool.name} | {line} |", flush=True)


if __name__ == "__main__":
    main()
