"""Make and run ExecuTorch files in a Python with torch and ``executorch``, where EdgeFrac is not installed.

    python executorch_script.py

Reads orders from standard input and answers on standard output, one JSON document a line each; the other side is
``executorch_files.py``. ``make`` lowers a torch program to XNNPACK, ``open`` opens a file under a name, ``show`` sets
the image, ``run`` times one run of a file on it by this process's clocks, ``answer`` gives its outputs. One thread.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

Order = dict[str, Any]
_opened: dict[str, Callable[[], Any]] = {}
_shown: list[torch.Tensor] = []


def make(order: Order) -> Order:
    """``fp32`` and ``int8`` from the program ``file``, calibrated on float32 [N, 1, S, S]; seconds and path of each."""
    started = time.perf_counter()
    program = torch.export.load(order["file"])
    loaded = time.perf_counter() - started
    made: Order = {}
    for precision, build in (("fp32", lambda: program), ("int8", lambda: _quantized(program, order["calibration"]))):
        started = time.perf_counter()
        path = Path(order["folder"]) / f"{precision}.pte"
        path.write_bytes(_lowered(build()))
        made[precision] = {"path": str(path), "seconds": loaded + time.perf_counter() - started}
    return made


def _lowered(program: Any) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    return bytes(to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)


def _quantized(program: Any, calibration: str) -> Any:
    """XNNPACK's own quantizer: symmetric, a scale for each channel."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    images = torch.from_numpy(np.load(calibration))
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    prepared = prepare_pt2e(program.module(), quantizer)
    with torch.no_grad():
        for image in images:
            prepared(image[None])
    return torch.export.export(convert_pt2e(prepared), (images[:1],))


def open_file(order: Order) -> Order:
    """A .pte in ExecuTorch, a .pt2 in torch's eager mode; and how many threads it works with."""
    torch.set_num_threads(1)
    if order["file"].endswith(".pt2"):
        module = torch.export.load(order["file"]).module()
        _opened[order["name"]] = lambda: module(*_shown)
        return {"threads": torch.get_num_threads()}
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Runtime

    portable_lib._unsafe_reset_threadpool(1)
    method = Runtime.get().load_program(order["file"]).load_method("forward")
    _opened[order["name"]] = lambda: method.execute(_shown)
    return {"threads": portable_lib._threadpool_get_thread_count()}


def show(order: Order) -> Order:
    """The network input to run on: ``image`` is float32 [1, 1, S, S]."""
    _shown[:] = [torch.from_numpy(np.load(order["image"]))]
    return {}


def run(order: Order) -> Order:
    """Seconds that passed and seconds of the processor."""
    work = _opened[order["name"]]
    had, started = time.process_time(), time.perf_counter()
    work()
    ended = time.perf_counter()
    return {"seconds": ended - started, "processor": time.process_time() - had}


def answer(order: Order) -> Order:
    """Probability [1, K] and evidence map [1, K, h, w], into the .npz ``answers``."""
    probability, evidence = (value.detach().numpy() for value in _opened[order["name"]]())
    np.savez(order["answers"], probability=probability, evidence=evidence)
    return {}


_ORDERS = {"make": make, "open": open_file, "show": show, "run": run, "answer": answer}


def main() -> None:
    """Until standard input ends; what libraries print goes to standard error."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with torch.no_grad():
        for line in sys.stdin:
            order = json.loads(line)
            try:
                said = _ORDERS[order.pop("do")](order)
            except Exception as error:  # told to the other side, which decides
                said = {"error": f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"}
            print(json.dumps(said), file=out, flush=True)


if __name__ == "__main__":
    main()
