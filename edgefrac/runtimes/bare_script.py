"""Run model files where EdgeFrac is not installed: ``python bare_script.py JOB``, with NumPy and the files' runtimes.

JOB is JSON: ``files``, ``images`` (an .npy of uint8 [N, S, S]), ``answers`` (the .npz to write), ``threads`` and
``kernels`` (AUTO, or as ``runtimes.bare`` says, which is the other side of this).
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

OUTPUTS = ("probability", "evidence")
_NONE = np.zeros(0, np.float32)  # of a file without evidence map
Answers = tuple[Iterator[list[Any]], str]


def main(job: dict[str, Any]) -> None:
    """Write [N, …] of each output of each file, what ran it, when it first answered and the peak of memory so far."""
    images = np.load(job["images"])
    found: dict[str, Any] = {}
    about, first, peak = [], [], []
    for number, name in enumerate(job["files"]):
        open_file = _RUNTIMES[Path(name).suffix]
        answers, runtime = open_file(name, images[..., None], job["threads"], job["kernels"])
        given = [next(answers)]
        first.append(time.monotonic())
        given += answers
        peak.append(_peak_rss())
        about.append(f"{runtime}, NumPy {np.__version__}, {platform.machine()}")
        for output, values in zip(OUTPUTS, zip(*given, strict=True), strict=True):
            found[f"{number}:{output}"] = np.stack(values)
    np.savez(job["answers"], about=np.array(about), first=np.array(first), peak=np.array(peak), **found)


def _peak_rss(status: Path = Path("/proc/self/status")) -> int:
    """Bytes by Linux's VmHWM, 0 elsewhere; ``ru_maxrss`` would be that of the parent where it was larger."""
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _litert(name: str, images: Any, threads: int, kernels: str) -> Answers:
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    if kernels.startswith("GPU"):
        return _litert_gpu(name, images, kernels)
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
            yield [interpreter.get_tensor(indices[name])[0] if name in indices else _NONE for name in OUTPUTS]

    return answers(), f"LiteRT {version('ai-edge-litert')} with {delegates} XNNPACK partitions"


def _litert_gpu(name: str, images: Any, kernels: str) -> Answers:
    from importlib.metadata import version

    import ai_edge_litert
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.environment import Environment, EnvironmentOptions
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import GpuOptions, Options

    environment = Environment.create(options=EnvironmentOptions(runtime_path=str(Path(ai_edge_litert.__file__).parent)))
    options = Options(HardwareAccelerator.GPU, gpu_options=GpuOptions(enforce_f32=kernels == "GPU_F32"))
    model = CompiledModel.from_file(name, environment=environment, options=options)
    (signature,) = model.get_signature_list()
    details = model.get_output_tensor_details(signature)
    shapes = [tuple(details[output]["shape"]) for output in model.get_signature_list()[signature]["outputs"]]
    places = {len(shape): (place, shape) for place, shape in enumerate(shapes)}  # a map has four axes
    given, wanted = model.create_input_buffers(0), model.create_output_buffers(0)

    def answers() -> Iterator[list[Any]]:
        for image in images:
            given[0].write(np.ascontiguousarray(image[None]))
            model.run_by_index(0, given, wanted)
            yield [_read(wanted, *places[axes]) if axes in places else _NONE for axes in (2, 4)]

    return answers(), f"LiteRT {version('ai-edge-litert')} with its GPU accelerator"


def _read(buffers: Any, place: int, shape: tuple[int, ...]) -> Any:
    return buffers[place].read(int(np.prod(shape)), np.float32).reshape(shape)[0]


def _onnx_runtime(name: str, images: Any, threads: int, kernels: str) -> Answers:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as ``targets.onnxruntime_import``
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", str(int(kernels == "PRECISE")))
    session = onnxruntime.InferenceSession(name, options, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    there = [output.name for output in session.get_outputs()]

    def answers() -> Iterator[list[Any]]:
        for image in images:
            found = dict(zip(there, session.run(there, {given.name: image[None]}), strict=True))
            yield [found[name][0] if name in found else _NONE for name in OUTPUTS]

    return answers(), f"ONNX Runtime {onnxruntime.__version__}"


def _openvino(name: str, images: Any, threads: int, _: str) -> Answers:
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # it would report the import
    import openvino

    core = openvino.Core()
    # as ``runtimes.openvino`` sets it
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    compiled = core.compile_model(core.read_model(name), "CPU", settings)
    request = compiled.create_infer_request()

    def answers() -> Iterator[list[Any]]:
        for image in images:
            found = {output.get_any_name(): value for output, value in request.infer({"image": image[None]}).items()}
            yield [found[name][0].copy() if name in found else _NONE for name in OUTPUTS]

    return answers(), f"OpenVINO {openvino.__version__.partition('-')[0]}"


def _checkpoint(name: str, images: Any, threads: int, _: str) -> Answers:
    """The only file that cannot do without EdgeFrac."""
    import torch

    from edgefrac.runtimes.session import open_session

    session = open_session(Path(name), threads)

    def answers() -> Iterator[list[Any]]:
        for image in images[..., 0]:
            found = session.predict(image)
            yield [found.probability, _NONE if found.evidence is None else found.evidence]

    return answers(), f"torch {torch.__version__}"


_RUNTIMES: dict[str, Callable[[str, Any, int, str], Answers]] = {
    ".tflite": _litert,
    ".onnx": _onnx_runtime,
    ".ort": _onnx_runtime,
    ".xml": _openvino,
    ".safetensors": _checkpoint,
}


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
