"""Are layers timed alone as fast as inside the file? LiteRT's own profiler tells.

    python benchmarks/roofline_profiler.py FILE... [--runs 40]

Only LiteRT's C interface has the profiler, and that interface changes from version to version: this was written for
ai-edge-litert 2.3, and stops where a call fails. It notes the time that passes, in whole microseconds, also while other
programs run; so each layer's median over many openings of the file is taken. One thread.
"""

from __future__ import annotations

import argparse
import ctypes
import re
from pathlib import Path
from typing import Any

import ai_edge_litert
import numpy as np
from numpy.typing import NDArray

from edgefrac.benchmarking.layer_costs import KINDS
from edgefrac.benchmarking.roofline import Roofline, measure_roofline
from edgefrac.targets.tflite_graph import read_graph

WARM_UP = 3
CPU, PROFILING = 1, b"enable_profiling = true\n"
ELEMENTS = {0: 1, 3: 3}  # float32 and uint8: of TFLite's schema -> of LiteRT's C interface
LINE = re.compile(r"^ *(\S.*?)  +[\d.]+ +([\d.]+) +[\d.]+ +[\d.]+%")


class _Tensor(ctypes.Structure):
    """LiteRtRankedTensorType: element type, rank in the low bits, dimensions, strides that are not used."""

    _fields_ = (
        ("element", ctypes.c_int),
        ("rank", ctypes.c_uint32),
        ("dimensions", ctypes.c_int32 * 8),
        ("strides", ctypes.c_uint32 * 8),
    )


class Profiled:
    """A file in LiteRT's CompiledModel on the CPU, with the profiler on; what it allocates lives as long as we do."""

    def __init__(self, data: bytes) -> None:
        self._library = ctypes.CDLL(str(Path(ai_edge_litert.__file__).parent / "libLiteRt.so"))
        self._kept: list[Any] = [ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(PROFILING)]
        self._kept.append(ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None))
        file, profiling, leave = self._kept
        self._environment = self._made("LiteRtCreateEnvironment", 0, None)
        model = self._made("LiteRtCreateModelFromBuffer", self._environment, file, ctypes.c_size_t(len(data)))
        options = self._made("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, CPU)
        more = self._made("LiteRtCreateOpaqueOptions", b"runtime_options_string", profiling, leave)
        self._call("LiteRtAddOpaqueOptions", options, more)
        self._model = self._made("LiteRtCreateCompiledModel", self._environment, model, options)
        self._profiler = self._made("LiteRtCompiledModelGetProfiler", self._model)
        graph = read_graph(data).subgraphs[0]
        self._inputs = self._buffers(graph, graph.inputs, "Input")
        self._outputs = self._buffers(graph, graph.outputs, "Output")

    def layers(self) -> list[tuple[str, float]]:
        """What the runtime calls each of its operators, in order, and the seconds it took in one run.

        To be asked once: resetting the profiler leaves its summary as it was.
        """
        for _ in range(WARM_UP):
            self._run()
        self._call("LiteRtStartProfiler", self._profiler)
        self._run()
        self._call("LiteRtStopProfiler", self._profiler)
        text = ctypes.c_char_p()
        self._call("LiteRtGetProfileSummary", self._profiler, self._model, ctypes.byref(text))
        in_order = (text.value or b"").decode().split("Top by")[0].splitlines()
        matches = [match for match in map(LINE.match, in_order) if match]
        self._library.LiteRtDestroyCompiledModel(self._model)
        return [(match[1], 1e-3 * float(match[2])) for match in matches]

    def _run(self) -> None:
        count = ctypes.c_size_t
        given, found = self._inputs, self._outputs
        self._call("LiteRtRunCompiledModel", self._model, count(0), count(len(given)), given, count(len(found)), found)

    def _buffers(self, graph: Any, tensors: Any, side: str) -> Any:
        made = []
        for number, index in enumerate(tensors):
            place = (ctypes.c_size_t(0), ctypes.c_size_t(number))
            needs = self._made(f"LiteRtGetCompiledModel{side}BufferRequirements", self._model, *place)
            shape = [int(n) for n in graph.tensors[index].shape]
            tensor = _Tensor(ELEMENTS[graph.tensors[index].type], len(shape))
            tensor.dimensions[: len(shape)] = shape
            name = "LiteRtCreateManagedTensorBufferFromRequirements"
            made.append(self._made(name, self._environment, ctypes.byref(tensor), needs))
        return (ctypes.c_void_p * len(made))(*made)

    def _made(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        made = ctypes.c_void_p()
        self._call(name, *arguments, ctypes.byref(made))
        return made

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise SystemExit(f"{name} failed with status {status}: another version of LiteRT?")


def inside(path: Path, runs: int) -> NDArray[np.float64]:
    """Median seconds of each layer inside the file."""
    data = path.read_bytes()
    taken = [[seconds for _, seconds in Profiled(data).layers()] for _ in range(runs)]
    return np.asarray(np.median(taken, axis=0))


def table(roofline: Roofline, within: NDArray[np.float64]) -> str:
    """Markdown: each kind of layer, alone and inside the file."""
    if len(within) != len(roofline.layers):
        raise SystemExit(f"the runtime has {len(within)} operators, the file {len(roofline.layers)} layers")
    lines = [f"\n{roofline.file}", "", "| layers | alone, ms | in the file, ms | of the peak |", "|---|---|---|---|"]
    for kind in KINDS:
        chosen = [n for n, layer in enumerate(roofline.layers) if layer.kind == kind]
        if chosen:
            alone, inner = 1e3 * roofline.seconds[chosen].sum(), 1e3 * within[chosen].sum()
            share = 1e3 * roofline.computing[chosen].sum() / inner
            lines.append(f"| {kind} | {alone:.2f} | {inner:.2f} | {f'{share:.0%}' if share else '–'} |")
    long = roofline.seconds > 2e-5  # below, whole microseconds are coarse
    ratio = roofline.seconds[long] / within[long]
    low, middle, high = np.quantile(ratio, [0.1, 0.5, 0.9])
    whole = f"| all | {1e3 * roofline.seconds.sum():.2f} | {1e3 * within.sum():.2f} | |"
    spread = (
        f"Alone over in the file, {long.sum()} layers of 20 µs or more: {middle:.2f} ({low:.2f} to {high:.2f} for 80 %)"
    )
    return "\n".join([*lines, whole, "", spread])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--runs", type=int, default=40)
    chosen = parser.parse_args()
    for path in chosen.files:
        print(table(measure_roofline(path), inside(path, chosen.runs)), flush=True)


if __name__ == "__main__":
    main()
