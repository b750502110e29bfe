"""A FAKE of LiteRT's benchmark_model for Android: the real file in LiteRT on this machine, with the tool's log.

With ``--use_gpu=true`` it rounds its answers to float16, as a phone's GPU may, and claims that the GPU took the nodes
that $FAKE_GPU_NODES says of all ("67/74"). The wording of its log is that of published logs of the real tool.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(arguments: list[str]) -> None:
    given = dict(argument.removeprefix("--").split("=", 1) for argument in arguments)
    interpreter = Interpreter(given["graph"], num_threads=int(given["num_threads"]))
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    gpu = given.get("use_gpu") == "true"
    inside = sum(operator["op_name"] != "DELEGATE" for operator in operators)
    share = os.environ.get("FAKE_GPU_NODES", f"{inside}/{inside}").split("/") if gpu else (inside - 1, inside)
    if share[0] != "0":
        name = "TfLiteGpuDelegateV2" if gpu else "TfLiteXNNPackDelegate"
        taken = f"Replacing {share[0]} out of {share[1]} node(s) with delegate ({name}) node"
        print(f"VERBOSE: {taken}, yielding 1 partitions.")
    (tensor,) = interpreter.get_input_details()
    interpreter.set_tensor(tensor["index"], _input(given, tensor))
    for count in (1, int(given.get("num_runs", 50))):  # its warm-up, and what counts
        print(_line(_runs(interpreter, count)))
    if "output_filepath" in given:
        values = [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]
        rounded = [value.astype(np.float16).astype(np.float32) if gpu else value for value in values]
        Path(given["output_filepath"]).write_bytes(b"".join(value.tobytes() for value in rounded))


def _input(given: dict[str, str], tensor: dict) -> np.ndarray:
    shape = tuple(int(n) for n in tensor["shape"])
    if "input_layer" not in given:
        return np.random.default_rng().integers(0, 256, shape, tensor["dtype"])
    name, _, path = given["input_layer_value_files"].partition(":")
    assert name == given["input_layer"]
    assert tuple(map(int, given["input_layer_shape"].split(","))) == shape
    return np.fromfile(path, tensor["dtype"]).reshape(shape)


def _runs(interpreter: Interpreter, count: int) -> list[int]:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        interpreter.invoke()
        taken.append(int(1e6 * (time.perf_counter() - started)))
    return taken


def _line(taken: list[int]) -> str:
    p5, median, p95 = (int(value) for value in np.percentile(taken, (5, 50, 95)))
    facts = f"count={len(taken)} first={taken[0]} curr={taken[-1]} min={min(taken)} max={max(taken)}"
    return f"INFO: {facts} avg={np.mean(taken):g} std={np.std(taken):.0f} p5={p5} median={median} p95={p95}\n"


if __name__ == "__main__":
    main(sys.argv[1:])
