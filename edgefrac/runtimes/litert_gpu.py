"""LiteRT's GPU accelerator, tried in a process of its own: a driver that crashes takes that one, not this.

What the accelerator found and did stands only in LiteRT's log: the adapter, and the operators that it refused.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edgefrac.errors import DeviceError
from edgefrac.runtimes.backend import Answered
from edgefrac.runtimes.bare import Answers, BarePython, BarePythonError
from edgefrac.targets.tflite_graph import pack_graph

Kernels = Literal["GPU", "GPU_F32"]
_ADAPTER = re.compile(r"Selected adapter: (?P<name>.*?), arch=.*?backend=(?P<interface>\w+), adapterType=(?P<kind>.+)")
_REFUSED = re.compile(r"operations are not supported by GPU delegate:\n(?P<lines>(?:[A-Z0-9_]+: ?.*\n)+)")
_SHARES = re.compile(r"(?P<gpu>\d+) operations will run on the GPU, and the remaining (?P<cpu>\d+) operations")
_NO_VULKAN = "couldn't load vulkan"
_NO_ADAPTER = "no adapters found"
_HINT = (
    "install the graphics driver's Vulkan part; for numbers alone a software driver does: "
    "apt-get install libvulkan1 chromium-common, then VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json"
)


@dataclass(frozen=True)
class Adapter:
    """The GPU that LiteRT chose: ``name`` and ``interface`` (such as Vulkan) as the driver calls them.

    ``software``: a program that plays a GPU, so that numbers are right and times mean nothing. One that is not known
    counts as such.
    """

    name: str
    interface: str
    software: bool

    def __str__(self) -> str:
        return f"{self.name}, {self.interface}" + (" in software" if self.software else "")


def adapter() -> Adapter:
    """The GPU that LiteRT would take, found out by a file of one operator; raises DeviceError."""
    return _adapter(*(os.environ.get(name, "") for name in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES", "LD_LIBRARY_PATH")))


@cache
def _adapter(*_: str) -> Adapter:
    """Drivers are looked for once for each setting of these variables."""
    with TemporaryDirectory(prefix="edgefrac-") as folder:
        path = Path(folder, "one-operator.tflite")
        path.write_bytes(_one_operator())
        answers = _in_process(path, np.zeros((1, _SIDE, _SIDE), np.uint8), "GPU")
    return _adapter_in(answers.log)


def ask(path: Path, images: NDArray[np.uint8], kernels: Kernels = "GPU") -> Answered:
    """What a TFLite file says on the GPU to network inputs uint8 [N, S, S], from a process of its own.

    ``GPU_F32`` asks for float32, where the accelerator would choose by itself. Raises DeviceError where there is no
    GPU, for a file with operators that it refuses, and if its driver crashes.
    """
    found = _in_process(path, images, kernels)
    return Answered(found.probability, found.evidence if found.evidence.ndim == 4 else None)


def _in_process(path: Path, images: NDArray[np.uint8], kernels: Kernels) -> Answers:
    try:
        (answers,) = BarePython((sys.executable,), os.environ).run([path], images, kernels=kernels)
    except BarePythonError as failure:
        raise _explained(path.name, failure) from failure
    return answers


def _adapter_in(log: str) -> Adapter:
    found = _ADAPTER.search(log)
    if found is None:
        return Adapter("a GPU that LiteRT does not name", "unknown interface", software=True)
    return Adapter(found["name"], found["interface"], bool(re.search("cpu|software", found["kind"], re.IGNORECASE)))


def _explained(file: str, failure: BarePythonError) -> DeviceError:
    log = failure.log.lower()
    if failure.crash:
        return DeviceError(f"LiteRT's GPU accelerator, or the driver that it calls, crashed ({failure.crash})")
    if refused := _REFUSED.search(failure.log):
        shares = _SHARES.search(failure.log)
        count = f"{shares['cpu']} of {int(shares['gpu']) + int(shares['cpu'])} operators" if shares else "operators"
        reasons = _refusals(refused["lines"])
        return DeviceError(f"{file}: LiteRT's GPU accelerator leaves {count} to the CPU ({reasons})")
    if _NO_VULKAN in log:
        return DeviceError("LiteRT's GPU accelerator finds no Vulkan (libvulkan.so.1)", hint=_HINT)
    if _NO_ADAPTER in log:
        return DeviceError("LiteRT's GPU accelerator finds no Vulkan driver of a GPU", hint=_HINT)
    said = [line for line in failure.log.splitlines() if "Error: " in line]
    return DeviceError(f"{file}: LiteRT's GPU accelerator fails ({said[-1] if said else failure.message})")


def _refusals(lines: str) -> str:
    """Each operator and its reason once, without the names of tensors."""
    reasons = dict.fromkeys(re.sub(r" t\d+$", "", line).rstrip(": .") for line in lines.splitlines())
    return "; ".join(reasons)


_SIDE = 8


def _one_operator() -> bytes:
    """A TFLite file that turns uint8 [1, 8, 8, 1] into float32."""
    shape = [1, _SIDE, _SIDE, 1]
    scale = schema.QuantizationParametersT(scale=np.ones(1, np.float32), zeroPoint=np.zeros(1, np.int64))
    image = schema.TensorT(shape=shape, type=schema.TensorType.UINT8, name="image", quantization=scale)
    value = schema.TensorT(shape=shape, type=schema.TensorType.FLOAT32, name="value")
    code = schema.BuiltinOperator.DEQUANTIZE
    operator = schema.OperatorT(
        inputs=[0],
        outputs=[1],
        builtinOptionsType=schema.BuiltinOptions.DequantizeOptions,
        builtinOptions=schema.DequantizeOptionsT(),
    )
    graph = schema.SubGraphT(tensors=[image, value], inputs=[0], outputs=[1], operators=[operator], name="main")
    signature = schema.SignatureDefT(
        inputs=[schema.TensorMapT(name="image", tensorIndex=0)],
        outputs=[schema.TensorMapT(name="value", tensorIndex=1)],
        signatureKey="serving_default",
    )
    opcode = schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=code, version=2)
    model = schema.ModelT(
        version=3, operatorCodes=[opcode], subgraphs=[graph], buffers=[schema.BufferT()], signatureDefs=[signature]
    )
    return pack_graph(model)
