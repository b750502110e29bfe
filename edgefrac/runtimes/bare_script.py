"""Run model files where EdgeFrac is not installed: ``python bare_script.py JOB``, with NumPy and the files' runtimes.

JOB is JSON: ``files``, ``images`` (an .npy of uint8 [N, S, S]), ``answers`` (the .npz to write), ``threads`` and
``kernels`` (AUTO, or as ``runtimes.bare`` says, which is the other side of this).
"""

import json
import platform
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

OUTPUTS = ("probability", "evidence")
Answers = tuple[Iterator[list[Any]], str]


def main(job: dict[str, Any]) -> None:
    """Write [N, …] of each output of each file, and what ran it."""
    images = np.load(job["images"])
    found: dict[str, Any] = {}
    about = []
    for number, name in enumerate(job["files"]):
        open_file = _RUNTIMES[Path(name).suffix]
        answers, runtime = open_file(name, images[..., None], job["threads"], job["kernels"])
        about.append(f"{runtime}, NumPy {np.__version__}, {platform.machine()}")
        for output, values in zip(OUTPUTS, zip(*answers, strict=True), strict=True):
            found[f"{number}:{output}"] = np.stack(values)
    np.savez(job["answers"], about=np.array(about), **found)


def _litert(name: str, images: Any, threads: int, kernels: str) -> Answers:
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType[kernels]
    interpreter = Interpreter(name, num_threads=threads, experimental_op_resolver_type=resolver)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    indices = {output["name"]: output["index"] for output in interpreter.get_output_details()}
    delegates = sum(op["op_name"] == "DELEGATE" for op in interpreter._get_ops_details())

    def answers() -> Iterator[list[Any]]:
        for image in images:
            interpreter.set_tensor(given["index"], image[None])
            interpreter.invoke()
            yield [interpreter.get_tensor(indices[output])[0] for output in OUTPUTS]

    return answers(), f"LiteRT {version('ai-edge-litert')} with {delegates} XNNPACK partitions"


def _onnx_runtime(name: str, images: Any, threads: int, kernels: str) -> Answers:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.x64quantprecision", str(int(kernels == "PRECISE")))
    session = onnxruntime.InferenceSession(name, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    answers = ([values[0] for values in session.run(OUTPUTS, {given.name: image[None]})] for image in images)
    return answers, f"ONNX Runtime {onnxruntime.__version__}"


def _openvino(name: str, images: Any, threads: int, _: str) -> Answers:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(name), "CPU", {"INFERENCE_NUM_THREADS": threads})
    request = compiled.create_infer_request()

    def answers() -> Iterator[list[Any]]:
        for image in images:
            found = request.infer({"image": image[None]})
            yield [found[output][0].copy() for output in OUTPUTS]

    return answers(), f"OpenVINO {openvino.__version__.partition('-')[0]}"


_RUNTIMES: dict[str, Callable[[str, Any, int, str], Answers]] = {
    ".tflite": _litert,
    ".onnx": _onnx_runtime,
    ".ort": _onnx_runtime,
    ".xml": _openvino,
}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
